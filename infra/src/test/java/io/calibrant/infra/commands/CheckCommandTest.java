package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With the demo's model. */
class CheckCommandTest {
    private static final Path DEMO = Path.of("src", "main", "resources", "demo");

    @TempDir
    private Path directory;

    @Test
    void shouldPrintOneObjectAQuestionAndASummary() throws IOException {
        Path file = DEMO.resolve("test.jsonl");
        List<Question> questions = QuestionFile.read(file).subList(0, 6);

        List<JsonNode> shown = check(file, "--json", "--limit", "6").json();

        assertThat(shown).hasSize(7);
        double logLikelihood = 0;
        int right = 0;
        for (int q = 0; q < 6; q++) {
            JsonNode one = shown.get(q);
            assertThat(fields(one))
                    .containsExactly("id", "prompt", "tokens", "labels", "labelTokens", "logits", "mapProbabilities");
            assertThat(one.path("id").asText()).isEqualTo(questions.get(q).id());
            assertThat(one.path("prompt").asText()).contains(questions.get(q).question());
            int answer = questions.get(q).answerIndex().orElseThrow();
            double sum = 0;
            int best = 0;
            JsonNode p = one.path("mapProbabilities");
            for (int c = 0; c < p.size(); c++) {
                sum += p.get(c).asDouble();
                best = p.get(c).asDouble() > p.get(best).asDouble() ? c : best;
            }
            assertThat(sum).isCloseTo(1, within(1e-9));
            assertThat(p.size())
                    .isEqualTo(one.path("labels").size())
                    .isEqualTo(one.path("labelTokens").size())
                    .isEqualTo(one.path("logits").size());
            logLikelihood += Math.log(p.get(answer).asDouble());
            right += best == answer ? 1 : 0;
        }
        JsonNode summary = shown.get(6);
        assertThat(fields(summary)).containsExactly("summary", "questions", "architecture", "dtype", "accuracy", "nll");
        assertThat(summary.path("summary").asBoolean()).isTrue();
        assertThat(summary.path("questions").asInt()).isEqualTo(6);
        assertThat(summary.path("architecture").asText()).isEqualTo("llama");
        assertThat(summary.path("dtype").asText()).isEqualTo("F32");
        assertThat(summary.path("accuracy").asDouble()).isCloseTo(right / 6.0, within(1e-12));
        assertThat(summary.path("nll").asDouble()).isCloseTo(-logLikelihood / 6, within(1e-9));
    }

    @Test
    void shouldShowPeopleTheFirstPromptAndATable() throws IOException {
        Path file = Files.writeString(directory.resolve("q.jsonl"), question("first", null) + question("second", null));

        Ran ran = check(file);

        assertThat(ran.out().lines())
                .startsWith(
                        "prompt of the first question, 'first':",
                        "Select one of the choices that answers the following question: Which colour? Choices: A. Red."
                                + " B. Blue. Answer:",
                        "")
                .anyMatch(line -> line.matches("its \\d+ token ids: \\[[\\d, ]+]"))
                .contains("between prompt and label: ' '; special tokens of the tokenizer: before the prompt,"
                        + " if it has any")
                .anyMatch(line -> line.matches("class tokens: A \\d+, B \\d+"))
                .anyMatch(line -> line.matches("QUESTION +A +B +ANSWER"))
                .anyMatch(line -> line.matches("second +0\\.\\d{6} +0\\.\\d{6} +-"))
                .last()
                .isEqualTo("2 questions, architecture llama, dtype F32; no answers, so no accuracy and no NLL");
    }

    @Test
    void shouldAskInAFormOfOnesOwn() throws IOException {
        Path file = Files.writeString(directory.resolve("q.jsonl"), question("1", "A"));
        Path paper = Files.writeString(
                directory.resolve("paper.mustache"),
                "Select one of the choices that answers the following question: {{question}}{{#context}} Context:"
                        + " {{context}}{{/context}} Choices: {{#choices}}{{label}}. {{text}} {{/choices}}Answer:");
        Path line = Files.writeString(directory.resolve("line.mustache"), "{{{question}}}\nAnswer:\n");

        String asPaper = check(file, "--json").out();
        assertThat(check(file, "--json", "--prompt", paper.toString()).out()).isEqualTo(asPaper);
        JsonNode other =
                check(file, "--json", "--prompt", line.toString()).json().get(0);
        assertThat(other.path("prompt").asText()).isEqualTo("Which colour?\nAnswer:\n");
        JsonNode spaced = check(file, "--json", "--prompt", line.toString(), "--label-separator", " ")
                .json()
                .get(0);
        assertThat(spaced.path("tokens")).isEqualTo(other.path("tokens"));
        assertThat(spaced.path("labelTokens")).isNotEqualTo(other.path("labelTokens"));
        assertThat(refused(file, "--prompt", directory.resolve("none").toString()))
                .contains("none does not exist")
                .hasLineCount(1);
    }

    /**
     * The tokenizer of the demo puts BOS before a text; one that is there already is the only one, and this is said.
     */
    @Test
    void shouldSayThatAPromptBringsItsOwnBeginning() throws IOException {
        Path file = Files.writeString(directory.resolve("q.jsonl"), question("1", "A"));
        Path added = Files.writeString(directory.resolve("added.mustache"), "{{{question}}} Answer:");
        Path own = Files.writeString(directory.resolve("own.mustache"), "{{{bos_token}}}{{{question}}} Answer:");
        String words = "between prompt and label: ' '; special tokens of the tokenizer: ";

        assertThat(check(file, "--prompt", added.toString()).out())
                .contains(words + "before the prompt, if it has any\n", "token ids: [0, ");
        assertThat(check(file, "--prompt", own.toString()).out())
                .contains(words + "none added\n", "token ids: [0, ")
                .doesNotContain("[0, 0");
        assertThat(check(file, "--prompt", own.toString(), "--special-tokens", "always")
                        .out())
                .contains(words + "before the prompt", "token ids: [0, 0, ");
    }

    @Test
    void shouldGiveTextsTheLabelsThatAreNamed() throws IOException {
        Path texts = Files.writeString(
                directory.resolve("texts.jsonl"), "{\"id\": \"1\", \"text\": \"Which colour?\", \"label\": \"B\"}\n");
        Path own = Files.writeString(
                directory.resolve("q.jsonl"),
                question("1", "B").replace("Red.", "").replace("Blue.", ""));

        assertThat(check(texts, "--json", "--labels", "A,B").out())
                .isEqualTo(check(own, "--json").out());
        assertThat(refused(texts))
                .contains("(or --labels A,B of train and check")
                .hasLineCount(1);
        assertThat(refused(texts, "--labels", "A,C"))
                .contains("answer must be one of A, C")
                .hasLineCount(1);
        assertThat(refused(texts, "--labels", "A"))
                .isEqualTo("calibrant check: --labels must be two labels or more, distinct, with commas between them,"
                        + " got 'A'\n");
    }

    @Test
    void shouldMeasureTheQuestionsThatHaveAnswers() throws IOException {
        Path file = Files.writeString(directory.resolve("q.jsonl"), question("1", "A") + question("2", null));

        assertThat(check(file).out()).containsPattern("; of 1 with answers: accuracy [01]\\.0000, NLL \\d+\\.\\d{4}\n");
        assertThat(fields(check(file, "--json").json().get(2))).contains("accuracy", "nll");
    }

    @Test
    void shouldRefuseInOneLine() throws IOException {
        Path file = Files.writeString(directory.resolve("q.jsonl"), question("1", "A"));
        assertThat(refused(file, "--limit", "0")).isEqualTo("calibrant check: --limit must be 1 or more, got 0\n");
        assertThat(refused(file, "--device", "tpu"))
                .isEqualTo("calibrant check: --device must be cpu, gpu or gpu:N, got 'tpu'\n");
        assertThat(refused(file, "--adapter", directory.toString())).hasLineCount(1);

        Path longer = Files.writeString(
                directory.resolve("long.jsonl"),
                question("1", "A") + question("2", "A").replace("colour", "colour ".repeat(5000)));
        assertThat(refused(longer))
                .startsWith("calibrant check: question file " + longer + ", line 2: prompt must be at most ")
                .contains(" tokens long (max_position_embeddings of ")
                .hasLineCount(1);
    }

    private static String question(String id, String answer) {
        return "{\"id\": \"" + id + "\", \"question\": \"Which colour?\", \"choices\": [{\"label\": \"A\", \"text\":"
                + " \"Red.\"}, {\"label\": \"B\", \"text\": \"Blue.\"}]"
                + (answer == null ? "" : ", \"answer\": \"" + answer + "\"") + "}\n";
    }

    private static List<String> fields(JsonNode object) {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }

    private static Ran check(Path questions, String... more) {
        Ran ran = run(questions, more);
        assertThat(ran.code()).as(ran.err()).isZero();
        return ran;
    }

    private static String refused(Path questions, String... more) {
        Ran ran = run(questions, more);
        assertThat(ran.code()).as(ran.err()).isEqualTo(1);
        assertThat(ran.out()).isEmpty();
        return ran.err();
    }

    private static Ran run(Path questions, String... more) {
        return Ran.calibrant(
                Map.of(),
                Stream.concat(
                                Stream.of(
                                        "check",
                                        "--model",
                                        DEMO.resolve("model").toString(),
                                        "--questions",
                                        questions.toString()),
                                Stream.of(more))
                        .toArray(String[]::new));
    }
}
