package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** From template and question to text, token ids and class tokens: what transformers makes of the shared cases. */
class PromptCasesTest {
    private static final Path CASES = Tokenizers.SHARED.resolve(Path.of("zoo", "prompts", "cases.jsonl"));
    private static final JsonMapper JSON = new JsonMapper();
    private static final Map<Path, PromptTokenizer> TOKENIZERS = new HashMap<>();

    static Stream<Named<Optional<JsonNode>>> cases() throws IOException {
        if (!Files.exists(CASES)) {
            return Stream.of(Named.of(CASES + " is not here", Optional.empty()));
        }
        List<Named<Optional<JsonNode>>> cases = new ArrayList<>();
        for (String line : Files.readAllLines(CASES)) {
            JsonNode json = JSON.readTree(line);
            cases.add(Named.of(json.path("id").asText(), Optional.of(json)));
        }
        return cases.stream();
    }

    @AfterAll
    static void close() {
        TOKENIZERS.values().forEach(PromptTokenizer::close);
        TOKENIZERS.clear();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void shouldMakeTheTokensThatTransformersMakes(Optional<JsonNode> found) {
        assumeTrue(found.isPresent(), CASES + " is not here: test skipped");
        JsonNode json = found.get();
        Path directory = CASES.resolveSibling(json.path("tokenizer").asText());
        assumeTrue(Files.exists(directory.resolve("tokenizer.json")), directory + " is not here: test skipped");
        PromptTokenizer tokenizer = TOKENIZERS.computeIfAbsent(directory, PromptTokenizer::load);
        Question question = question(json.path("question"));
        String template = json.path("template").asText();
        PromptForm form = question.prompt() == null ? PromptForm.of(template) : PromptForm.PAPER;
        if (json.path("separator_rule").asText().equals("override")) {
            form = form.withLabelSeparator(Optional.of(json.path("separator").asText()));
        }
        if (json.path("label_rule").asText().startsWith("first of several tokens")) {
            PromptEncoder one = new PromptEncoder(form, tokenizer, OptionalInt.empty());
            assertThatThrownBy(() -> one.encode(question)).hasMessageContaining("--label-tokens first");
            form = form.withLabelTokens(LabelTokens.FIRST);
        }

        TokenizedPrompt prompt = new PromptEncoder(form, tokenizer, OptionalInt.empty()).encode(question);

        assertThat(prompt.text()).isEqualTo(json.path("rendered").asText());
        assertThat(prompt.separator()).isEqualTo(json.path("separator").asText());
        assertThat(prompt.addsSpecialTokens())
                .isEqualTo(json.path("add_special_tokens").asBoolean());
        assertThat(prompt.ids())
                .isEqualTo(LongStream.concat(longs(json.path("prompt_ids")), longs(json.path("common_start")))
                        .toArray());
        assertThat(prompt.labelTokens())
                .isEqualTo(longs(json.path("class_tokens"))
                        .mapToInt(Math::toIntExact)
                        .toArray());
    }

    private static Question question(JsonNode json) {
        List<Choice> choices = new ArrayList<>();
        json.path("choices")
                .forEach(choice -> choices.add(new Choice(
                        choice.path("label").asText(), choice.path("text").asText())));
        return new Question(
                "q",
                json.path("question").asText(null),
                json.path("context").asText(null),
                choices,
                null,
                json.path("prompt").asText(null));
    }

    private static LongStream longs(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false).mapToLong(JsonNode::asLong);
    }
}
