package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.ServiceLines;
import io.calibrant.trainer.curvature.FisherType;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Files are checked before the broker is asked, so these need none. */
class TrainCommandTest {
    private static final String QUESTION =
            "{\"id\": \"q\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"1\"}, {\"label\": \"B\","
                    + " \"text\": \"2\"}], \"answer\": \"A\"}\n";

    @TempDir
    Path directory;

    private final StringWriter err = new StringWriter();

    @Test
    void shouldNameAMissingModelFile() throws IOException {
        Path questions = Files.writeString(directory.resolve("q.jsonl"), QUESTION);

        assertThat(train("--run", "r", "--model", directory.toString(), "--questions", questions.toString()))
                .isEqualTo(1);

        assertThat(lastLine()).isEqualTo("calibrant train: " + directory.resolve("config.json") + ": no such file");
    }

    @Test
    void shouldNameAnUnknownArchitecture() throws IOException {
        Path questions = Files.writeString(directory.resolve("q.jsonl"), QUESTION);
        Files.writeString(directory.resolve("config.json"), "{\"model_type\": \"gpt2\"}");

        assertThat(train("--run", "r", "--model", directory.toString(), "--questions", questions.toString()))
                .isEqualTo(1);

        assertThat(lastLine()).contains("config.json: model_type must be one of llama (", ", got 'gpt2'");
    }

    @Test
    void shouldNameFlagAndValueOfABadSetting() {
        assertThat(train("--run", "a/b", "--model", "m", "--questions", "q")).isEqualTo(1);
        assertThat(lastLine()).contains("--run must be 1 to 100 letters, digits, '.', '_' and '-', got 'a/b'");

        assertThat(train("--run", "r", "--model", "m", "--questions", "q", "--shard", "2/2"))
                .isEqualTo(1);
        assertThat(lastLine()).contains("--shard must be i/N with i from 0 to N - 1, got '2/2'");

        assertThat(train("--run", "r", "--model", "m", "--questions", "q", "--shard", "3/2"))
                .isEqualTo(1);
        assertThat(lastLine()).contains("--shard must be i/N with i from 0 to N - 1, got '3/2'");

        for (String[] bad : new String[][] {
            {"--half-life", "0.5", "--half-life must be 1 or more and finite, got 0.5"},
            {"--half-life", "NaN", "--half-life must be 1 or more and finite, got NaN"},
            {"--statistics-every", "-1", "--statistics-every must be 0 or more, got -1"},
            {"--batches-per-record", "0", "--batches-per-record must be 1 or more, got 0"},
            {"--checkpoint-every", "-1", "--checkpoint-every must be 0 or more, got -1"},
            {"--send-buffer", "0", "--send-buffer must be 1 or more, got 0"}
        }) {
            assertThat(train("--run", "r", "--model", "m", "--questions", "q", bad[0], bad[1]))
                    .isEqualTo(1);
            assertThat(lastLine()).contains(bad[2]);
        }
        assertThat(train("--run", "r", "--model", "m", "--questions", "q", "--state-dir", "s", "--state-every", "-1"))
                .isEqualTo(1);
        assertThat(lastLine()).contains("--state-every must be 0 or more, got -1");
        assertThat(train(
                        "--run",
                        "r",
                        "--model",
                        "m",
                        "--questions",
                        "q",
                        "--half-life",
                        "1",
                        "--statistics-every",
                        "2000"))
                .isEqualTo(1);
        assertThat(lastLine())
                .contains("--half-life must be long enough that 2^(-steps / half-life) of a record in 2000 steps is"
                        + " above 0, got 1");
    }

    @Test
    void shouldCallWrongUsageWrongUsage() {
        assertThat(train("--model", "m", "--questions", "q")).isEqualTo(2);
        assertThat(err.toString()).contains("--run");

        assertThat(train("--run", "r", "--model", "m", "--questions", "q", "--rank", "many"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("--rank must be 1 or more, or full, got 'many'");

        assertThat(train(
                        "--run",
                        "r",
                        "--model",
                        "m",
                        "--questions",
                        "q",
                        "--validation",
                        "v",
                        "--validation-fraction",
                        "0.1"))
                .isEqualTo(2);
    }

    @Test
    void shouldWarnWhereNoLabelsWillTakePart() {
        train("--run", "r", "--model", directory.toString(), "--questions", "none", "--steps", "0");
        assertThat(err.toString())
                .contains("note: without labelled validation questions the label-free average serves");
    }

    @Test
    void shouldHoldOutAPartByDefaultWhereItTrains() {
        train("--run", "r", "--model", directory.toString(), "--questions", "none");
        assertThat(err.toString()).doesNotContain("warning");
    }

    /** The exact Fisher makes a backward pass for each choice but one; above 8 choices nobody gets it unasked. */
    @Test
    void shouldSampleAnswersWhereQuestionsHaveMoreThan8Choices() throws IOException {
        String cost = "questions have up to 9 choices: --fisher MC, one backward pass from sampled answers, is taken"
                + " instead of the 8 passes of EXACT";
        Path eight = Files.writeString(directory.resolve("8.jsonl"), question(8));
        Path nine = Files.writeString(directory.resolve("9.jsonl"), question(2) + question(9));
        Path texts = Files.writeString(
                directory.resolve("texts.jsonl"), "{\"id\": \"t\", \"text\": \"x\", \"label\": \"A\"}\n");

        assertThat(fisher(nine)).isEqualTo(FisherType.MC);
        assertThat(err.toString()).contains(" WARN ", cost);
        assertThat(fisher(texts, "--labels", "A,B,C,D,E,F,G,H,I")).isEqualTo(FisherType.MC);
        assertThat(err.toString()).contains(cost);
        assertThat(fisher(eight)).isEqualTo(FisherType.EXACT);
        assertThat(fisher(nine, "--fisher", "EXACT")).isEqualTo(FisherType.EXACT);
        assertThat(fisher(nine, "--fisher", "EMPIRICAL")).isEqualTo(FisherType.EMPIRICAL);
        assertThat(fisher(texts, "--labels", "A,B")).isEqualTo(FisherType.EXACT);
        assertThat(err.toString()).doesNotContain("choices");
    }

    /** What the curvature is measured with; what is said stands in err. */
    private FisherType fisher(Path questions, String... more) {
        err.getBuffer().setLength(0);
        List<String> all = new ArrayList<>(List.of("--run", "r", "--model", "m", "--questions", questions.toString()));
        all.addAll(List.of(more));
        TrainCommand command = new TrainCommand();
        CommandLine line = new CommandLine(command).setCaseInsensitiveEnumValuesAllowed(true);
        line.setErr(new PrintWriter(err, true));
        line.parseArgs(all.toArray(String[]::new));
        return command.withFisher(command.settings(), new ServiceLines(new Output(line.getCommandSpec())))
                .curvature()
                .fisher();
    }

    private static String question(int choices) {
        String all = IntStream.range(0, choices)
                .mapToObj(c -> "{\"label\": \"" + (char) ('A' + c) + "\", \"text\": \"x\"}")
                .collect(Collectors.joining(", "));
        return "{\"id\": \"q" + choices + "\", \"question\": \"x\", \"choices\": [" + all + "], \"answer\": \"A\"}\n";
    }

    private int train(String... arguments) {
        List<String> all = new ArrayList<>(List.of("train"));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--bootstrap-server", "127.0.0.1:9", "--schema-registry", "http://127.0.0.1:9"));
        return Calibrant.run(
                all.toArray(String[]::new), Map.of(), new PrintWriter(new StringWriter()), new PrintWriter(err, true));
    }

    private String lastLine() {
        String[] lines = err.toString().split("\\R", -1);
        return lines[lines.length - 2];
    }
}
