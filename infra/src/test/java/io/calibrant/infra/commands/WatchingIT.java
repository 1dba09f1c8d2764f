package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.infra.live.PlantedRun;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.testing.ProcessTree;
import java.io.BufferedReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code watch} as a process of its own, beside a real broker and the real registry. */
@Tag("timed")
class WatchingIT extends OnOneCluster {
    /** Until a process has started and has read the topics. */
    private static final Duration START = Duration.ofSeconds(60);
    /** Until a fold is to be seen. */
    private static final Duration SEEN = Duration.ofSeconds(2);

    private final List<String> lines = new CopyOnWriteArrayList<>();
    private PlantedRun run;
    private Process watch;

    @BeforeEach
    void plant() {
        run = new PlantedRun(connection, "r1");
    }

    @AfterEach
    void end() {
        if (watch != null) {
            ProcessTree.kill(watch);
        }
    }

    private void start(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                Calibrant.class.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment());
        watch = builder.start();
        BufferedReader reader = watch.inputReader();
        Thread collect = new Thread(() -> reader.lines().forEach(lines::add), "watch");
        collect.setDaemon(true);
        collect.start();
    }

    private void shouldEndWith(int code) throws Exception {
        assertThat(watch.waitFor(START.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(watch.exitValue()).isEqualTo(code);
    }

    private List<JsonNode> objects(String update) {
        return lines.stream()
                .map(line -> {
                    try {
                        return new ObjectMapper().readTree(line);
                    } catch (Exception e) {
                        throw new AssertionError(line, e);
                    }
                })
                .filter(object -> object.get("update").asText().equals(update))
                .toList();
    }

    @Test
    void shouldPrintWhatIsAndWhatComes() throws Exception {
        TopicAdmin.createMissing(connection);
        run.description();
        run.step(99, 0.5);
        run.step(100, 0.25);
        run.curvature(7);
        run.fold(4);
        run.posterior(4, 2.5, -40);
        start("watch", "--run", "r1", "--jsonl");
        await().atMost(START).until(() -> !objects("posterior").isEmpty());

        // The state first, then what comes.
        assertThat(objects("progress")).hasSize(1);
        assertThat(objects("factors")).hasSize(PlantedRun.BLOCKS.size());
        JsonNode factors = objects("factors").get(0);
        assertThat(factors.get("block").asText()).isEqualTo(PlantedRun.BLOCKS.get(0));
        assertThat(factors.get("spectrum").toString()).isEqualTo("[32.0,16.0,4.0]");
        assertThat(factors.get("capturedEnergy").asDouble()).isEqualTo(PlantedRun.energy(0));
        assertThat(factors.get("delta").asDouble()).isEqualTo(1);
        assertThat(factors.get("n").asDouble()).isEqualTo(400);
        JsonNode posterior = objects("posterior").get(0);
        assertThat(posterior.get("lambda").asDouble()).isEqualTo(2.5);
        assertThat(posterior.get("logEvidence").asDouble()).isEqualTo(-40);
        assertThat(posterior.get("effectiveParameters").asDouble()).isEqualTo(12.5);
        assertThat(posterior.get("coverage").asDouble()).isEqualTo(0.4);
        assertThat(posterior.get("loss").asDouble()).isEqualTo(0.25);
        assertThat(posterior.get("learningRate").asDouble()).isEqualTo(5e-5);
        assertThat(posterior.get("step").asLong()).isEqualTo(100);
        assertThat(posterior.get("lagSeconds").asDouble()).isEqualTo(3);

        run.fold(5);
        await().atMost(SEEN).until(() -> objects("factors").size() == 2 * PlantedRun.BLOCKS.size());
        run.posterior(5, 2.25, -39);
        await().atMost(SEEN).until(() -> objects("posterior").size() == 2);
        assertThat(objects("posterior").get(1).get("lagSeconds").asDouble()).isEqualTo(2);

        watch.toHandle().destroy(); // Process.destroy would close what it said as well
        shouldEndWith(0);
    }

    @Test
    void shouldShowATableOfFoldsAsTheyCome() throws Exception {
        TopicAdmin.createMissing(connection);
        run.description();
        run.step(100, 0.25);
        start("watch", "--run", "r1");
        await().atMost(START)
                .untilAsserted(() -> assertThat(lines)
                        .contains("run r1 (tiny-llama)", "nothing folded yet: is 'calibrant fit' running?"));
        run.fold(4);
        run.posterior(4, 2.5, -40);
        await().atMost(SEEN)
                .untilAsserted(() -> assertThat(lines)
                        .contains(
                                "run r1 (tiny-llama)   checkpoint final   fit default   LIVE",
                                "fine-tuning   step 100/100   loss 0.2500   learning rate 5.000e-05",
                                "lambda 2.500   log evidence -40.00   effective parameters 12.50 of 1664",
                                "0 q_proj A                     █▇▆            50.0%  1.00e+00       400        4",
                                "lm_head B                      █▇▆            87.5%  1.00e+00       400        4"));
        assertThat(lines).anyMatch(line -> line.matches("coverage 4 of 10 batches \\(40%\\)   lag -   \\d+ s ago"));
        // The step is of the year 1970.
        assertThat(lines).anyMatch(line -> line.matches("SILENT for \\d{5} days: has the trainer ended\\?"));
        assertThat(lines).allMatch(line -> line.length() <= 80);
        watch.toHandle().destroy(); // Process.destroy would close what it said as well
        shouldEndWith(0);
    }

    @Test
    void shouldNameWhatIsNotThere() {
        Ran topics = Ran.calibrant(environment(), "watch", "--run", "r1");
        assertThat(topics.code()).isEqualTo(1);
        assertThat(topics.err())
                .startsWith("calibrant watch: topics ")
                .contains("missing")
                .hasLineCount(1);
    }

    @Test
    void shouldWaitForWhatIsNotThereYetAndSaySoOnce() throws Exception {
        TopicAdmin.createMissing(connection);
        run.description();
        start("watch", "--run", "r2", "--checkpoint", "final", "--jsonl");
        String runs = connection.topics().runs();
        await().atMost(START)
                .untilAsserted(() -> assertThat(lines)
                        .containsExactly("waiting: there is no run 'r2' on topic " + runs + " yet, there is [r1]"));
        PlantedRun later = new PlantedRun(connection, "r2");
        later.description();
        await().atMost(SEEN)
                .untilAsserted(() -> assertThat(lines)
                        .last()
                        .isEqualTo("waiting: there is no checkpoint 'final' of run 'r2' yet, there is none"));
        later.fold(1);
        later.posterior(1, 2.5, -40);
        await().atMost(SEEN)
                .untilAsserted(() -> assertThat(lines).last().asString().contains("\"update\":\"posterior\""));
        assertThat(lines).filteredOn(line -> line.startsWith("waiting: ")).hasSize(2);
        watch.toHandle().destroy(); // Process.destroy would close what it said as well
        shouldEndWith(0);
    }
}
