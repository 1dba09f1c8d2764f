package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.infra.documents.Page;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.ProcessTree;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands of docs/refit.md, as they stand there: every line of every {@code sh} block, in order. A line that ends
 * in {@code &} is a process of its own, the others run here; each must exit with 0.
 */
class RefitPageDistIT extends OnOneCluster {
    private static final String LAUNCHER = "./infra/calibrant ";

    @TempDir
    private Path dir;

    private final List<Process> services = new ArrayList<>();

    @AfterEach
    void end() {
        services.forEach(ProcessTree::kill);
    }

    @Test
    void shouldDoWhatThePageSays() throws Exception {
        DemoFiles files = DemoFiles.unpack(dir);
        Map<String, Path> named = Map.of(
                "train.jsonl", lines(files.questions(), 0, 80, "train.jsonl"),
                "held-out.jsonl", lines(files.questions(), 100, 140, "held-out.jsonl"),
                "test.jsonl", lines(files.test(), 0, 20, "test.jsonl"));
        TopicAdmin.createMissing(connection);
        run(
                named,
                files.model(),
                "train --run news-1 --model $MODEL --questions train.jsonl --steps 4 --validation none"
                        + " --statistics-every 0");
        FitterSettings live = FitterSettings.defaults().withStateDir(dir.resolve("live"));
        try (Fitter fitter = new Fitter(connection, live, posterior -> {})) {
            fitter.start();
            start("score --run news-1 --model $MODEL --threads 1", files.model());

            Map<String, String> said = new HashMap<>();
            for (String command : commands()) {
                if (command.contains("--allow-partial")) {
                    dropBeginnings();
                }
                if (command.endsWith("&")) {
                    start(command.substring(0, command.length() - 1).strip(), files.model());
                } else {
                    said.put(command, run(named, files.model(), command));
                }
            }

            assertThat(said.get("refit --run news-1 --as rank20 --rank 20")).contains("Nothing is written");
            assertThat(said.get("refit --run news-1 --as rank20 --rank 20 --execute"))
                    .contains("done already, COMPLETE") // the second time it was said
                    .contains("on 40 labels")
                    .doesNotContain("waits for");
            assertThat(said.get("fits")).contains("default", "rank20");
            assertThat(said.get("compare default rank20"))
                    .contains("log evidence", "captured energy", "20 QUESTIONS", "95% INTERVAL");
            assertThat(said.get("fits --delete layers"))
                    .contains("removed news-1/")
                    .contains("removed consumer group " + connection.topicPrefix() + "calibrant-fitter-layers")
                    .contains(connection.topicPrefix() + "calibrant-fitter-layers-factors-changelog");

            assertThat(said.get("refit --run news-1 --as rest --allow-partial --execute"))
                    .contains("/rest: PARTIAL");

            // Blue and green: the same questions were answered with both; and with what retention had left.
            await().atMost(60, TimeUnit.SECONDS)
                    .until(() -> coverages().keySet().equals(Set.of("default", "rank20", "rest")));
            assertThat(coverages().get("rest")).isBetween(0.5, 0.95);
            assertThat(coverages()).containsEntry("default", 1.0).containsEntry("rank20", 1.0);
        }
        Map<String, Posterior> posteriors =
                TopicReader.latest(connection, connection.topics().posteriors(), Posterior.class, line -> {});
        assertThat(posteriors.values())
                .extracting(Posterior::getFit, Posterior::getState)
                .containsExactlyInAnyOrder(
                        tuple("default", PosteriorState.COMPLETE),
                        tuple("rank20", PosteriorState.COMPLETE),
                        tuple("rest", PosteriorState.PARTIAL));
    }

    /** The least that the answers of each fit rest on. */
    private Map<String, Double> coverages() {
        Map<String, Double> coverages = new HashMap<>();
        CommittedRecords.of(connection, connection.topics().answers(), Answer.class)
                .forEach(each ->
                        coverages.merge(each.value().getFit(), each.value().getCoverage(), Math::min));
        return coverages;
    }

    /** As retention does: a quarter of each partition of the statistics is gone. */
    private void dropBeginnings() throws Exception {
        Map<TopicPartition, Long> ends = new HashMap<>();
        CommittedRecords.of(connection, connection.topics().statistics(), Statistics.class)
                .forEach(each ->
                        ends.merge(new TopicPartition(each.topic(), each.partition()), each.offset() + 1, Math::max));
        Map<TopicPartition, RecordsToDelete> gone = new HashMap<>();
        ends.forEach((partition, end) -> gone.put(partition, RecordsToDelete.beforeOffset(end / 4)));
        try (Admin admin = Admin.create(connection.admin())) {
            admin.deleteRecords(gone).all().get();
        }
    }

    /** The lines of the page's shell blocks, without the launcher. */
    private static List<String> commands() {
        List<String> commands = new ArrayList<>();
        for (String block : Page.read("infra/docs/refit.md").blocks("sh")) {
            for (String line : block.lines().toList()) {
                assertThat(line).startsWith(LAUNCHER);
                commands.add(line.substring(LAUNCHER.length()).strip());
            }
        }
        assertThat(commands).hasSizeGreaterThan(10);
        return commands;
    }

    /** What it said, results and notes. */
    private String run(Map<String, Path> named, Path model, String command) {
        List<String> arguments = new ArrayList<>();
        for (String word : command.split(" +", -1)) {
            arguments.add(
                    word.equals("$MODEL")
                            ? model.toString()
                            : named.containsKey(word) ? named.get(word).toString() : word);
        }
        if (command.startsWith("refit ") || command.startsWith("fits --delete")) {
            arguments.addAll(List.of("--state-dir", dir.resolve("refits").toString())); // not in the user's home
        }
        Ran ran = Ran.calibrant(environment(), arguments.toArray(String[]::new));
        assertThat(ran.code()).as("%s: %s", command, ran.err()).isZero();
        return ran.out() + ran.err();
    }

    private void start(String command, Path model) throws IOException {
        List<String> words = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Dai.djl.offline=true",
                "-cp",
                System.getProperty("java.class.path"),
                Calibrant.class.getName()));
        Arrays.stream(command.split(" +", -1))
                .map(word -> word.equals("$MODEL") ? model.toString() : word)
                .forEach(words::add);
        ProcessBuilder builder = new ProcessBuilder(words);
        builder.environment().putAll(environment());
        File log = dir.resolve("service-" + services.size() + ".log").toFile();
        services.add(builder.redirectErrorStream(true).redirectOutput(log).start());
    }

    private Path lines(Path from, int first, int end, String name) throws IOException {
        List<String> all = Files.readAllLines(from);
        Path file = Files.createDirectories(dir.resolve("questions")).resolve(name);
        return Files.write(file, all.subList(first, Math.min(end, all.size())));
    }
}
