package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuestionFileTest {
    private static final String GOOD = """
            {"id": "q1", "kind": "ignored", "question": "Which?", "choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "ü"}], "answer": "B"}
            """;

    @TempDir
    Path directory;

    @Test
    void shouldReadQuestionsInFileOrderAndIgnoreUnknownFieldsAndEmptyLines() throws IOException {
        Path file = write(GOOD + "\n  \r\n"
                + "{\"id\": 7, \"question\": \"Is it?\", \"context\": \"It is.\", \"choices\": [{\"label\": \"False\","
                + " \"text\": \"\"}, {\"label\": \"True\", \"text\": \"\"}]}");

        List<Question> questions = QuestionFile.read(file);

        assertThat(questions)
                .containsExactly(
                        new Question("q1", "Which?", null, List.of(new Choice("A", "x"), new Choice("B", "ü")), "B"),
                        new Question(
                                "7",
                                "Is it?",
                                "It is.",
                                List.of(new Choice("False", ""), new Choice("True", "")),
                                null));
        assertThat(questions.get(0).answerIndex()).contains(1);
        assertThat(questions.get(1).answerIndex()).isEmpty();
        assertThat(questions.get(1).isTrueFalse()).isTrue();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"id\": \"q\"} | choices: found nothing, accepted is a list",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": []} | choices: found 0, accepted are 2 to 26",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}]}"
                        + " | choices: found 1, accepted are 2 to 26",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [\"A\"]}"
                        + " | choices[0]: found JSON string, accepted is {\"label\", \"text\"}",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\"}]}"
                        + " | choices[0].text: found nothing, accepted is a string",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \" A\", \"text\": \"\"}]}"
                        + " | label ' A' is not accepted",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"A\", \"text\": \"\"}]} | label 'A' occurs twice",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"B\", \"text\": \"\"}], \"answer\": \"C\"} | answer 'C' is not among the labels [A, B]",
                "{\"id\": \"\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"B\", \"text\": \"\"}]} | id is empty",
                "{\"id\": true, \"question\": \"x\", \"choices\": []} | id: found JSON boolean, accepted is a string",
                "{\"id\": \"q\", \"question\": \" \", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"B\", \"text\": \"\"}]} | question is empty",
                "{\"id\": \"q1\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"B\", \"text\": \"\"}]} | id 'q1' was already used on line 1",
                "[1] | found JSON array, accepted is a JSON object",
                "{\"id\": \"q\", | not a JSON object",
                "{\"id\": \"q\"} {} | not a JSON object",
                "{\"id\": \"q\", \"id\": \"r\"} | not a JSON object",
            })
    void shouldNameFileLineAndWhatIsAccepted(String line, String message) throws IOException {
        Path file = write(GOOD + line + "\n");

        assertThatThrownBy(() -> QuestionFile.read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("question file " + file + ", line 2: ")
                .hasMessageContaining(message)
                .message()
                .doesNotContain("\n");
    }

    @Test
    void shouldTake26ChoicesAndRefuse27() {
        assertThat(withChoices(26).choices()).hasSize(26);
        assertThatThrownBy(() -> withChoices(27)).hasMessageContaining("choices: found 27, accepted are 2 to 26");
    }

    @Test
    void shouldNameTheLineOfInvalidUtf8() throws IOException {
        Path file = directory.resolve("latin1.jsonl");
        Files.write(file, (GOOD + GOOD.replace("q1", "q2")).getBytes(StandardCharsets.ISO_8859_1));

        assertThatThrownBy(() -> QuestionFile.read(file))
                .hasMessage("question file " + file + ", line 1: not valid UTF-8");
    }

    @Test
    void shouldRefuseMissingAndEmptyFiles() throws IOException {
        Path missing = directory.resolve("none.jsonl");
        assertThatThrownBy(() -> QuestionFile.read(missing)).hasMessage("question file " + missing + " does not exist");

        Path empty = write("\n");
        assertThatThrownBy(() -> QuestionFile.read(empty))
                .hasMessageStartingWith("question file " + empty + " has no questions");
    }

    private static Question withChoices(int count) {
        return new Question(
                "q",
                "Which?",
                null,
                IntStream.range(0, count)
                        .mapToObj(c -> new Choice("L" + c, "text"))
                        .collect(Collectors.toList()),
                null);
    }

    private Path write(String text) throws IOException {
        return Files.writeString(directory.resolve("questions.jsonl"), text);
    }
}
