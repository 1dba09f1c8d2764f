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
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuestionFileTest {
    private static final String GOOD = """
            {"id": "q1", "kind": "ignored", "question": "Which?", "choices": [{"label": "A", "text": "x"}, \
            {"label": "B", "text": "ü"}], "answer": "B"}
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
                "{\"id\": \"q\"} | question must be a string, got nothing",
                "{\"id\": \"q\", \"choices\": 1} | choices must be a list of {\"label\", \"text\"}, got JSON number",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": []} | choices must be 2 to 256, got 0",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}]}"
                        + " | choices must be 2 to 256, got 1",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [\"A\"]}"
                        + " | choices[0] must be {\"label\", \"text\"}, got JSON string",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\"}]}"
                        + " | choices[0].text must be a string, got nothing",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \" A\", \"text\": \"\"}]}"
                        + " | label must be a text that is not empty, without white space at its ends, got ' A'",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"A\", \"text\": \"\"}]} | choices must be distinct in their labels, got 'A' twice",
                "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"B\", \"text\": \"\"}], \"answer\": \"C\"} | answer must be one of A, B, got 'C'",
                "{\"id\": \"\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"B\", \"text\": \"\"}]} | id must be a text that is not blank, got ''",
                "{\"id\": true, \"question\": \"x\", \"choices\": []} | id must be a string, got JSON boolean",
                "{\"id\": \"q\", \"question\": \" \", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"B\", \"text\": \"\"}]} | question must be a text that is not blank, got ' '",
                "{\"id\": \"q1\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\":"
                        + " \"B\", \"text\": \"\"}]} | id must be unique, got 'q1', which line 1 has",
                "[1] | must be a JSON object, got JSON array",
                "{\"id\": \"q\", | must be a JSON object, got other text",
                "{\"id\": \"q\"} {} | must be a JSON object, got other text",
                "{\"id\": \"q\", \"id\": \"r\"} | must be a JSON object, got other text",
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
    void shouldReadAPromptOfAQuestionsOwnWithOrWithoutItsStem() throws IOException {
        String choices = "\"choices\": [{\"label\": \"A\", \"text\": \"\"}, {\"label\": \"B\", \"text\": \"\"}]}\n";
        List<Question> questions = QuestionFile.read(write("{\"id\": \"v\", \"prompt\": \"A or B?\\n\", " + choices
                + "{\"id\": \"w\", \"question\": \"Which?\", \"prompt\": \"B or A?\", " + choices));
        assertThat(questions).extracting(Question::prompt).containsExactly("A or B?\n", "B or A?");
        assertThat(questions).extracting(Question::question).containsExactly("", "Which?");
        assertThatThrownBy(() -> QuestionFile.read(write("{\"id\": \"v\", \"prompt\": \" \", " + choices)))
                .hasMessageContaining("prompt must be a text that is not blank, got ' '");
    }

    @Test
    void shouldTake256ChoicesAndRefuse257() {
        assertThat(withChoices(256).choices()).hasSize(256);
        assertThatThrownBy(() -> withChoices(257)).hasMessageContaining("choices must be 2 to 256, got 257");
    }

    @Test
    void shouldNameTheLineOfInvalidUtf8() throws IOException {
        Path file = directory.resolve("latin1.jsonl");
        Files.write(file, (GOOD + GOOD.replace("q1", "q2")).getBytes(StandardCharsets.ISO_8859_1));

        assertThatThrownBy(() -> QuestionFile.read(file))
                .hasMessage("question file " + file + ", line 1: must be UTF-8, got other bytes");
    }

    @Test
    void shouldRefuseMissingAndEmptyFiles() throws IOException {
        Path missing = directory.resolve("none.jsonl");
        assertThatThrownBy(() -> QuestionFile.read(missing)).hasMessage("question file " + missing + " does not exist");

        Path empty = write("\n");
        assertThatThrownBy(() -> QuestionFile.read(empty))
                .hasMessageStartingWith("question file " + empty + " must be one JSON object a line");
    }

    @Test
    void shouldReadLinesOfEveryKindAndSkipAByteOrderMark() throws IOException {
        String text = GOOD + GOOD.replace("q1", "q2") + GOOD.replace("q1", "q3");
        List<Question> expected = QuestionFile.read(write(text));
        assertThat(expected).hasSize(3);
        for (String end : List.of("\r", "\r\n", "\n")) {
            String other = text.replace("\n", end);
            assertThat(QuestionFile.read(write("\ufeff" + other))).isEqualTo(expected);
            assertThat(QuestionFile.read(write(other.stripTrailing()))).isEqualTo(expected);
            assertThatThrownBy(() -> QuestionFile.read(write(other + "[1]")))
                    .hasMessageContaining(", line 4: must be a JSON object");
        }
    }

    @Test
    void shouldSayWhatElseTheFileIs() throws IOException {
        Path file = directory.resolve("q.gz");
        try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            out.write(GOOD.getBytes(StandardCharsets.UTF_8));
        }
        assertThatThrownBy(() -> QuestionFile.read(file))
                .hasMessageContaining("the file is compressed by gzip: 'gunzip'");
        Files.write(file, ("\ufeff" + GOOD).getBytes(StandardCharsets.UTF_16LE));
        assertThatThrownBy(() -> QuestionFile.read(file)).hasMessageContaining("the file is text in UTF-16");
        Files.writeString(file, "[\n" + GOOD.strip() + "\n]\n");
        assertThatThrownBy(() -> QuestionFile.read(file)).hasMessageContaining("one JSON array: 'jq -c .[]'");
    }

    @Test
    void shouldReadNothingButFiles() {
        for (Path path : List.of(Path.of("/dev/zero"), directory)) {
            assertThatThrownBy(() -> QuestionFile.read(path))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("question file " + path + " cannot be read: it is a ")
                    .hasMessageEndingWith(", not a file");
        }
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
