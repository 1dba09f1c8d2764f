package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Texts of a sequence classifier as transformers' tokenizer reads them, and where it takes the logits. */
class ClassifierPromptTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo", "seqcls");
    private static final List<String> LABELS = List.of("colour", "food", "number");
    private static final int PAD = 2;

    private static PromptTokenizer tokenizer;
    private static JsonNode reference;

    @BeforeAll
    static void open() throws IOException {
        assumeTrue(Files.isDirectory(ZOO), ZOO + " is not here: reference values not compared");
        tokenizer = PromptTokenizer.load(ZOO.resolve("model"));
        reference = new JsonMapper().readTree(ZOO.resolve("ref.json").toFile());
    }

    @AfterAll
    static void close() {
        if (tokenizer != null) {
            tokenizer.close();
        }
    }

    private static PromptEncoder encoder() {
        return new PromptEncoder(PromptForm.TEXT, tokenizer, OptionalInt.of(1))
                .ofClassifier(LABELS, OptionalInt.of(PAD));
    }

    private static long[] ids(JsonNode ids) {
        return StreamSupport.stream(ids.spliterator(), false)
                .mapToLong(JsonNode::asLong)
                .toArray();
    }

    @ParameterizedTest
    @CsvSource({"train.jsonl, train_ids", "test.jsonl, prompt_ids"})
    void shouldReadTextsAsTransformersDoes(String file, String key) {
        List<Question> questions = QuestionFile.read(ZOO.resolve(file));
        assertThat(questions).hasSize(reference.path(key).size());
        for (int i = 0; i < questions.size(); i++) {
            TokenizedPrompt prompt = encoder().encode(questions.get(i));
            assertThat(prompt.ids()).isEqualTo(ids(reference.path(key).path(i)));
            assertThat(prompt.labelTokens()).containsExactly(0, 1, 2);
            assertThat(prompt.question().choices()).extracting(Choice::label).isEqualTo(LABELS);
            assertThat(prompt.question().ownChoices()).isEmpty();
            assertThat(prompt.question().answerIndex()).isPresent();
        }
    }

    @ParameterizedTest
    @CsvSource({"1, seeds., red.<pad><pad>", "2, seeds<pad>., red."})
    void shouldEndAtTheLastTokenThatIsNoPadding(int edge, String middle, String end) {
        JsonNode expected = reference.path("edge").path(edge);
        long[] ids = ids(expected.path("ids"));
        String text = "The ram eats " + middle + " The elk eats corn. The fox is " + end;
        assertThat(tokenizer.encode(text)).isEqualTo(ids);
        assertThat(encoder().encode(asked(text, null)).ids())
                .isEqualTo(Arrays.copyOf(ids, expected.path("used_token").asInt() + 1));
    }

    @Test
    void shouldRefuseLabelsThatAreNoRows() {
        Question own =
                new Question("q", "It is red.", null, List.of(new Choice("food", ""), new Choice("sport", "")), null);
        assertThatThrownBy(() -> encoder().encode(own))
                .hasMessage("label of question 'q' must be one of the run's colour, food, number, got 'sport'");
        assertThatThrownBy(() -> encoder().encode(asked("It is red.", "sport")))
                .hasMessage("answer must be one of colour, food, number, got 'sport'");
        assertThatThrownBy(() ->
                        PromptEncoder.paper(tokenizer, OptionalInt.empty()).encode(asked("It is red.", "food")))
                .hasMessageStartingWith("choices of question 'q' must be 2 to 256");
    }

    private static Question asked(String text, String answer) {
        return new Question("q", text, null, List.of(), answer);
    }
}
