package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class CommandLineTest {
    @TempDir
    private Path dir;

    @Test
    void shouldShowExamplesForEveryCommand() {
        for (String name : new CommandLine(Calibrant.class, new NoArguments())
                .getSubcommands()
                .keySet()) {
            Ran help = Ran.calibrant(Map.of(), name, "--help");
            assertThat(help.code()).isZero();
            assertThat(help.out()).as(name).contains("Examples:").contains("  calibrant " + name);
            assertThat(help.out().lines()).as(name).allMatch(line -> line.length() <= 120);
        }
    }

    /** The commonest mistake with an adapter of one's own is another prompt: that stands before anything else. */
    @Test
    void shouldNameThePromptFirstInHelpAndReadme() throws IOException {
        for (String command : new String[] {"", "check", "train"}) {
            String help = Ran.calibrant(Map.of(), (command + " --help").strip().split(" "))
                    .out();
            String words = help.replaceAll("\\s+", " ");
            assertThat(words.indexOf("asked with the prompt that it was trained with"))
                    .as("help of '%s', before all options", command)
                    .isPositive()
                    .isLessThan(words.indexOf("Options:"));
        }
        String readme = Files.readString(Path.of("..", "README.md")).replaceAll("\\s+", " ");
        assertThat(readme.substring(readme.indexOf("## ")))
                .as("README, first section")
                .startsWith(
                        "## Know this first - **The prompt decides.** An adapter must be asked with the prompt that it"
                                + " was trained with, to the last space");
    }

    /** The root's constructor is its own business. */
    private static final class NoArguments implements CommandLine.IFactory {
        @Override
        public <K> K create(Class<K> type) throws Exception {
            var constructor = type.getDeclaredConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "topcs", "ask", "answers --cuont 3", "answers --count x", "answers --count 0", "fits"})
    void shouldCallWrongUsageExitCode2(String arguments) {
        Ran ran = Ran.calibrant(Map.of(), arguments.isEmpty() ? new String[0] : arguments.split(" "));
        assertThat(ran.code()).isEqualTo(2);
        assertThat(ran.out()).isEmpty();
        assertThat(ran.err()).startsWith("calibrant").contains("--help' shows what is accepted");
    }

    @Test
    void shouldShowEverySettingWithItsOrigin() throws IOException {
        Path file = dir.resolve("client.properties");
        Files.writeString(
                file, "sasl.jaas.config=hunter2\ncalibrant.state.dir=/file\ncalibrant.fit=file\nclient.id=me\n");
        Ran ran = Ran.calibrant(
                Map.of("CALIBRANT_FIT", "environment", "CALIBRANT_THREADS", "5", "CALIBRANT_DEBUG", "1"),
                "fit",
                "--threads=3",
                "--bootstrap-server",
                "k:9092",
                "--command-config",
                file.toString(),
                "--print-config");
        assertThat(ran.code()).isZero();
        assertThat(ran.out().lines())
                .containsExactly(
                        "bootstrap.servers = k:9092  (flag --bootstrap-server)",
                        "calibrant.calibration.window = 60  (built-in)",
                        "calibrant.compression = TRUNCATE  (built-in)",
                        "calibrant.drift.expected.run.length = 1000000  (built-in)",
                        "calibrant.fit = environment  (environment CALIBRANT_FIT)",
                        "calibrant.metrics.host = 127.0.0.1  (built-in)",
                        "calibrant.prior = SCALAR  (built-in)",
                        "calibrant.prior.mean = ZERO  (built-in)",
                        "calibrant.prior.objective = EVIDENCE  (built-in)",
                        "calibrant.retention = 90  (built-in)",
                        "calibrant.state.dir = /file  (file " + file + ")",
                        "calibrant.threads = 3  (flag --threads)",
                        "calibrant.topic.prefix = calibrant.  (built-in)",
                        "client.id = me  (file " + file + ")",
                        "sasl.jaas.config = ********  (file " + file + ")");
    }

    /** A shell in which it was once set would delete a run at every later training. */
    @Test
    void shouldTakeWhatDeletesFromTheCommandLineOnly() {
        Ran ran = Ran.calibrant(
                Map.of("CALIBRANT_REPLACE_RUN", "true", "CALIBRANT_OVERWRITE", "true"),
                "train",
                "--run=r",
                "--model=m",
                "--questions=q",
                "--print-config");
        assertThat(ran.code()).as(ran.err()).isZero();
        assertThat(ran.out()).doesNotContain("calibrant.replace.run", "calibrant.overwrite");
        Ran fits = Ran.calibrant(Map.of("CALIBRANT_FORCE", "true"), "fits", "--print-config");
        assertThat(fits.out()).doesNotContain("calibrant.force");
    }

    @Test
    void shouldTakeARequiredFlagFromTheEnvironment() {
        Ran ran = Ran.calibrant(Map.of("CALIBRANT_QUESTIONS", "/no/such.jsonl"), "ask");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err()).isEqualTo("calibrant ask: question file /no/such.jsonl does not exist\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "train --run r --model m --questions q",
                "check --model m --questions q",
                "score --run r --model m",
                "bench trainer"
            })
    void shouldReadTheDeviceInOneWay(String command) {
        Ran ran = Ran.calibrant(
                Map.of("CALIBRANT_BOOTSTRAP_SERVERS", "127.0.0.1:1", "CALIBRANT_DEVICE", "tpu"), command.split(" "));
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err()).endsWith(": --device must be cpu, gpu or gpu:N, got 'tpu'\n");
    }

    @Test
    void shouldAskForAllThatAnswersOfABaseModelNeed() {
        Ran ran = Ran.calibrant(Map.of(), "bench", "base", "--adapter", "a");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err())
                .isEqualTo("calibrant bench: --model must be given: --model, --adapter, --questions and --test go"
                        + " together, got nothing\n");
    }

    @Test
    void shouldRefuseWhatAnotherBenchmarkTakes() {
        for (String flag : new String[] {"--adapter", "--questions", "--test", "--prompt", "--label-separator"}) {
            Ran ran = Ran.calibrant(Map.of(), "bench", "scorer", flag, "a");
            assertThat(ran.code()).isEqualTo(1);
            assertThat(ran.err()).startsWith("calibrant bench: " + flag + " must be left out with bench scorer, got ");
        }
        assertThat(Ran.calibrant(Map.of(), "bench", "base", "--prompt", "a").err())
                .isEqualTo("calibrant bench: --prompt must be left out where --adapter is, got 'a'\n");
        assertThat(Ran.calibrant(Map.of("CALIBRANT_QUESTIONS", "a"), "bench", "scorer", "--device", "tpu")
                        .err())
                .as("a shell may have it for other commands")
                .startsWith("calibrant bench: --device must be ");
    }

    @Test
    void shouldTellTyposOfTheDemoBeforeItStartsAnything() {
        Ran number = Ran.calibrant(Map.of(), "demo", "--steps", "many");
        assertThat(number.code()).isEqualTo(2);
        assertThat(number.err())
                .contains("calibrant demo: --steps must be a whole number, got 'many'")
                .hasLineCount(2);

        Ran name = Ran.calibrant(Map.of(), "demo", "--fisher", "EXAKT");
        assertThat(name.code()).isEqualTo(2);
        assertThat(name.err()).contains("--fisher", "EXACT, MC, EMPIRICAL");

        Ran value = Ran.calibrant(Map.of(), "demo", "--points", "0");
        assertThat(value.code()).isEqualTo(1);
        assertThat(value.err()).startsWith("calibrant demo: ").hasLineCount(1);
    }

    @Test
    void shouldNameASettingThatDoesNotExist() throws IOException {
        Path file = dir.resolve("client.properties");
        Files.writeString(file, "calibrant.fitt=x\n");
        Ran ran = Ran.calibrant(Map.of(), "fits", "--command-config=" + file);
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err())
                .startsWith("calibrant: a calibrant.* setting must be one of calibrant.adapter, ")
                .endsWith(", got 'calibrant.fitt' (from " + file + ")\n")
                .hasLineCount(1);
    }

    @Test
    void shouldRefuseRunsFitsAndTiersThatCannotBeMeant() {
        String[] score = {
            "score", "--run", "a,b", "--model", "m", "--bootstrap-server", "h:1", "--schema-registry", "http://h"
        };
        assertThat(Ran.calibrant(Map.of(), with(score, "--tier", "some")).err())
                .isEqualTo("calibrant score: --tier must be all, last-layer, forward or map, got 'some'\n");
        assertThat(Ran.calibrant(Map.of(), with(score, "--threads", "0")).err())
                .isEqualTo("calibrant score: --threads must be 1 to 64, got 0\n");
        assertThat(Ran.calibrant(Map.of(), with(score, "--linger-ms", "-1")).err())
                .isEqualTo("calibrant score: --linger-ms must be 0 to 10000, got -1\n");
        assertThat(Ran.calibrant(Map.of(), with(score, "--target-accuracy", "95"))
                        .err())
                .isEqualTo("calibrant score: --target-accuracy must be above 0 and below 1, got 95\n");
        assertThat(Ran.calibrant(Map.of(), with(score, "--confidence", "0.9")).err())
                .isEqualTo("calibrant score: --confidence must be given with --target-accuracy, got 0.9\n");
        assertThat(Ran.calibrant(Map.of(), with(score, "--link", "probit", "--target-accuracy", "0.9"))
                        .err())
                .isEqualTo("calibrant score: --link must be MC with --target-accuracy: the thresholds are of its"
                        + " probabilities, got PROBIT\n");
        score[2] = "a,a";
        assertThat(Ran.calibrant(Map.of(), score).err())
                .contains("--run must be one run or several different ones, R1,R2, got 'a,a'");
        assertThat(Ran.calibrant(
                                Map.of(),
                                "fit",
                                "--fit",
                                "latest-complete",
                                "--bootstrap-server",
                                "h:1",
                                "--schema-registry",
                                "http://h")
                        .err())
                .startsWith("calibrant fit: --fit must be another name: ");
    }

    private static String[] with(String[] command, String... more) {
        return Stream.concat(Arrays.stream(command), Arrays.stream(more)).toArray(String[]::new);
    }

    @Test
    void shouldSayHowAMissingAddressCanBeGiven() {
        Ran ran = Ran.calibrant(Map.of("CALIBRANT_SCHEMA_REGISTRY_URL", "http://r:1"), "fits");
        assertThat(ran.code()).isEqualTo(2);
        assertThat(ran.err())
                .contains("--bootstrap-server must be given")
                .contains("CALIBRANT_BOOTSTRAP_SERVERS")
                .contains("--command-config");
    }

    @Test
    void shouldNameFileAndLineOfATypoBeforeAnythingIsAsked() throws IOException {
        Path file = dir.resolve("questions.jsonl");
        Files.writeString(
                file,
                "{\"id\": \"a\", \"question\": \"q\", \"choices\": [{\"label\": \"A\", \"text\": \"1\"},"
                        + " {\"label\": \"B\", \"text\": \"2\"}]}\n{\"id\": \"b\", \"qeustion\": \"q\","
                        + " \"choices\": []}\n");
        for (String command : new String[] {"ask", "label", "validate"}) {
            Ran ran = Ran.calibrant(
                    Map.of("CALIBRANT_RUN", "r1"),
                    command,
                    "--questions",
                    file.toString(),
                    "--bootstrap-server",
                    "127.0.0.1:1",
                    "--schema-registry",
                    "http://127.0.0.1:1");
            assertThat(ran.code()).isEqualTo(1);
            assertThat(ran.err())
                    .isEqualTo("calibrant " + command + ": question file " + file
                            + ", line 2: question must be a string, got nothing\n");
        }
    }

    @Test
    void shouldTellWrongUsageInOneForm() {
        assertThat(usage("answers --count x")).isEqualTo("answers: --count must be a whole number, got 'x'");
        assertThat(usage("answers --count 0")).isEqualTo("answers: --count must be 1 or more, got 0");
        assertThat(usage("fits --target-accuracy 2"))
                .isEqualTo("fits: --target-accuracy must be above 0 and below 1, got 2");
        assertThat(usage("evaluate --questions q --target-accuracy 0.9,2"))
                .isEqualTo("evaluate: --target-accuracy must be above 0 and below 1, got 2");
        assertThat(usage("evaluate --questions q --confidence 1"))
                .isEqualTo("evaluate: --confidence must be above 0 and below 1, got 1");
        assertThat(usage("answers --timeout soon")).isEqualTo("answers: --timeout must be a number, got 'soon'");
        assertThat(usage("train --run r --model m --questions q --adapter a --steps 0 --validation-fraction 0.5"))
                .startsWith("train: --validation-fraction must be left out with --steps 0: the adapter was trained on"
                        + " these questions already")
                .endsWith("got 0.5");
        assertThat(usage("validate --questions q")).startsWith("validate: --run must be given as a flag");
        assertThat(usage("fit --threads 99999999999"))
                .isEqualTo("fit: --threads must be -2147483648 to 2147483647, got '99999999999'");
        assertThat(usage("fit --prior none")).isEqualTo("fit: --prior must be one of SCALAR, LAYERWISE, got 'none'");
        assertThat(usage("answers --count")).isEqualTo("answers: --count must be followed by a value, got nothing");
        assertThat(usage("answers --count 3 --count 4")).isEqualTo("answers: --count must be given once, got several");
        assertThat(usage("answers --cuont 3")).isEqualTo("answers: --cuont is not an option of 'calibrant answers'");
        assertThat(usage("answers 3"))
                .isEqualTo("answers: '3' is not an option of 'calibrant answers', and the command takes nothing else");
        assertThat(usage("label"))
                .isEqualTo(
                        "label: --questions must be given as a flag, as CALIBRANT_QUESTIONS in the environment, or as"
                                + " calibrant.questions in the file of --command-config, got nothing");
        assertThat(usage("score")).isEqualTo("score: --run, --model must be given, got nothing");
        assertThat(usage("compare")).isEqualTo("compare: FIT must be given, got nothing");
        assertThat(usage("monitor --port 65536")).isEqualTo("monitor: --port must be 0 to 65535, got 65536");
        assertThat(usage("monitor --base-path calibrant"))
                .isEqualTo("monitor: --base-path must be a path as in /calibrant, of letters, digits, '.',"
                        + " '_', '~' and '-',"
                        + " and none of the page's own, got 'calibrant'");
        assertThat(usage("up --registry-port -1")).isEqualTo("up: --registry-port must be 0 to 65535, got -1");
    }

    @Test
    void shouldListTheCommandsWhereOneIsMistyped() {
        Ran ran = Ran.calibrant(Map.of(), "topcs");
        assertThat(ran.code()).isEqualTo(2);
        assertThat(ran.err())
                .startsWith("calibrant: COMMAND must be one of up, topics, train, ")
                .contains(", got 'topcs'\n")
                .doesNotContain("demo-model");
    }

    /** The first line of what wrong usage prints, without the program's name. */
    private static String usage(String arguments) {
        Ran ran = Ran.calibrant(Map.of(), arguments.split(" "));
        assertThat(ran.code()).as(arguments).isEqualTo(2);
        return ran.err().lines().findFirst().orElseThrow().replaceFirst("calibrant ", "");
    }

    @Test
    void shouldSayWhichVariableOrFileAValueCameFrom() throws IOException {
        Map<String, String> addresses =
                Map.of("CALIBRANT_BOOTSTRAP_SERVERS", "localhost", "CALIBRANT_SCHEMA_REGISTRY_URL", "http://h");
        assertThat(Ran.calibrant(addresses, "topics").err())
                .isEqualTo("calibrant topics: --bootstrap-server must be host:port[,host:port], got 'localhost'"
                        + " (from CALIBRANT_BOOTSTRAP_SERVERS)\n");
        assertThat(Ran.calibrant(addresses, "topics", "--bootstrap-server", "here")
                        .err())
                .isEqualTo("calibrant topics: --bootstrap-server must be host:port[,host:port], got 'here'\n");

        Path file = dir.resolve("client.properties");
        Files.writeString(file, "calibrant.count=0\n");
        assertThat(Ran.calibrant(Map.of(), "answers", "--command-config", file.toString())
                        .err())
                .startsWith("calibrant answers: --count must be 1 or more, got 0 (from " + file + ")\n");
        assertThat(Ran.calibrant(Map.of("CALIBRANT_COUNT", "many"), "answers", "--command-config", file.toString())
                        .err())
                .startsWith("calibrant answers: --count must be a whole number, got 'many' (from CALIBRANT_COUNT)\n");
    }

    @Test
    void shouldShowStackTracesOnlyWhenAsked() {
        String[] arguments = {"ask", "--questions", "/no/such.jsonl"};
        assertThat(Ran.calibrant(Map.of(), arguments).err()).doesNotContain("\tat ");
        assertThat(Ran.calibrant(Map.of("CALIBRANT_DEBUG", "1"), arguments).err())
                .contains("\tat ");
        assertThat(Ran.calibrant(Map.of(), "ask", "--questions", "/no/such.jsonl", "--debug")
                        .err())
                .contains("\tat ");
    }
}
