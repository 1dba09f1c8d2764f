package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClassTokensTest {
    @Test
    void shouldFindTheGoldenClassTokens() {
        try (PromptTokenizer tokenizer = Tokenizers.golden()) {
            ClassTokens classes = lookup(tokenizer, question("D", "C", "B", "A"));

            assertThat(classes.tokens())
                    .as("sorted by label")
                    .containsExactly(
                            new ClassToken("A", 267),
                            new ClassToken("B", 275),
                            new ClassToken("C", 266),
                            new ClassToken("D", 283));
            assertThat(classes.indices(question("D", "B"))).containsExactly(3, 1);
        }
    }

    /** ids of the same lookup in Python's tokenizers; for Llama 2 the SentencePiece word start is part of the token */
    @ParameterizedTest
    @CsvSource({
        "models/SmolLM2-135M-Instruct, A, 330, ' A'",
        "models/SmolLM2-135M-Instruct, True, 3635, ' True'",
        "tokenizers/gpt2, A, 317, ' A'",
        "tokenizers/gpt2, False, 10352, ' False'",
        "tokenizers/qwen3, B, 425, ' B'",
        "tokenizers/llama2, A, 330, A",
        "tokenizers/llama2, True, 6110, True"
    })
    void shouldFindTheTokenThatContinuesThePrompt(String tokenizerPath, String label, int id, String said) {
        try (PromptTokenizer tokenizer = Tokenizers.shared(tokenizerPath)) {
            ClassTokens classes = lookup(tokenizer, question(label, "Z"));

            assertThat(classes.tokens().get(0)).isEqualTo(new ClassToken(label, id));
            String prompt = "Choices: A. x B. y Answer:";
            long[] ids = tokenizer.encodePlain(prompt);
            long[] continued = Arrays.copyOf(ids, ids.length + 1);
            continued[ids.length] = id;
            assertThat(tokenizer.encodePlain(prompt + " " + label)).isEqualTo(continued);
            assertThat(tokenizer.encodePlain(said)).containsExactly(id);
        }
    }

    @Test
    void shouldNotTakeTheSecondTokenForTheLabelWhereTheTokenizerHasNoBos() {
        // the public code takes encode("A")[1]: out of range without BOS
        try (PromptTokenizer tokenizer = Tokenizers.shared("tokenizers/gpt2")) {
            assertThat(tokenizer.encode("A")).hasSize(1);
            assertThat(lookup(tokenizer, question("A", "B")).ids()).containsExactly(317, 347);
        }
    }

    @Test
    void shouldRefuseALabelOfSeveralTokensNamingLabelAndQuestion() {
        try (PromptTokenizer tokenizer = Tokenizers.golden()) {
            assertThatThrownBy(() -> lookup(tokenizer, question("A", "Antarctica")))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("label 'Antarctica' of question 'q1' must be exactly one token of this model")
                    .hasMessageMatching(".*, got [2-9] tokens");
        }
    }

    @Test
    void shouldEndThePromptWithWhatAllLabelsBeginWith(@TempDir Path directory) throws IOException {
        // digits are tokens of their own, and so is the space before them
        JsonMapper json = new JsonMapper();
        ObjectNode golden = (ObjectNode) json.readTree(
                Path.of("src/test/resources/golden/tokenizer.json").toFile());
        ArrayNode both = json.createArrayNode();
        both.addObject().put("type", "Digits").put("individual_digits", true);
        both.add(golden.path("pre_tokenizer"));
        golden.putObject("pre_tokenizer").put("type", "Sequence").set("pretokenizers", both);
        Files.writeString(directory.resolve("tokenizer.json"), golden.toString());
        try (PromptTokenizer tokenizer = PromptTokenizer.load(directory)) {
            Question digits = question("1", "2", "9");
            ClassTokens classes = lookup(tokenizer, digits, question("A", "B"));
            long[] space = tokenizer.encodePlain(" ");
            PromptEncoder encoder = PromptEncoder.paper(tokenizer, OptionalInt.empty());
            long[] prompt = encoder.encode(digits).ids();
            assertThat(prompt)
                    .startsWith(tokenizer.encode(encoder.text(digits)))
                    .endsWith(space)
                    .hasSize(tokenizer.encode(encoder.text(digits)).length + 1);
            assertThat(space).hasSize(1);
            Question letters = question("A", "B");
            assertThat(encoder.encode(letters).ids()).isEqualTo(tokenizer.encode(encoder.text(letters)));
            for (String label : List.of("1", "2", "9")) {
                long[] said = Arrays.copyOf(prompt, prompt.length + 1);
                said[prompt.length] = classes.ids()[classes.indices(question(label, "2".equals(label) ? "1" : "2"))[0]];
                assertThat(tokenizer.encode(encoder.text(digits) + " " + label)).isEqualTo(said);
            }
            assertThatThrownBy(() -> lookup(tokenizer, question("1", "A")))
                    .hasMessage("label '1' of question 'q1' must be exactly one token of this model, as A is (train"
                            + " --label-tokens first takes the first of several), got 2 tokens");
            assertThatThrownBy(() -> lookup(tokenizer, question("1", "10")))
                    .hasMessageContaining("label '10' of question 'q1'");
        }
    }

    @Test
    void shouldRefuseTwoLabelsWithOneToken() {
        assertThatThrownBy(() -> new ClassTokens(List.of(new ClassToken("A", 5), new ClassToken("a", 5))))
                .hasMessageContaining("labels 'A' and 'a' must be different tokens of this model, got 5 for both");
        assertThatThrownBy(() -> new ClassTokens(List.of(new ClassToken("A", 5), new ClassToken("A", 6))))
                .hasMessageContaining("labels must be distinct, got 'A' twice");
    }

    @Test
    void shouldRefuseALabelThatIsNoClassOfTheRun() {
        ClassTokens classes = new ClassTokens(List.of(new ClassToken("A", 5), new ClassToken("B", 6)));

        assertThatThrownBy(() -> classes.indices(question("A", "C")))
                .hasMessage("label of question 'q1' must be one of the run's A, B, got 'C'");
    }

    private static ClassTokens lookup(PromptTokenizer tokenizer, Question... questions) {
        return ClassTokens.of(
                PromptEncoder.paper(tokenizer, OptionalInt.empty()).encode(List.of(questions)));
    }

    private static Question question(String... labels) {
        return new Question(
                "q1",
                "Which?",
                null,
                Arrays.stream(labels).map(label -> new Choice(label, "text")).toList(),
                null);
    }
}
