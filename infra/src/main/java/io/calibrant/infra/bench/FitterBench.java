package io.calibrant.infra.bench;

import io.calibrant.cluster.Cluster;
import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * What the fitter costs: the choice of the prior, and a curvature pass of Llama-2-7B's shape through a broker and a
 * registry of its own, folded by one thread, by two, and by two processes, against a plain consumer of the same topic
 * and against plain consumers that fold and do nothing else.
 */
public final class FitterBench {
    private final FitterLoad load;

    /**
     * A benchmark to run.
     *
     * @param layers decoder layers, q_proj and v_proj of each adapted, and lm_head
     * @param width d
     * @param batches of statistics, 98 records each with 32 layers
     * @throws IllegalArgumentException naming the flag, the value and what is accepted
     */
    public FitterBench(int layers, int width, int batches) {
        load = new FitterLoad(layers, width, batches);
    }

    /** What is measured, in words. */
    public String description() {
        return load.layers() + " layers, q_proj and v_proj of each and lm_head, d " + load.width() + ", r "
                + FitterLoad.LORA_RANK + ", k " + FitterLoad.RANK + ", " + FitterLoad.ROWS + " rows, " + load.batches()
                + " batches; the first half of each pass is warm-up";
    }

    /**
     * Runs the benchmark; gives each figure to one consumer, and notes on what cannot be measured here to the other.
     */
    public void run(Consumer<Figure> figures, Consumer<String> notes) {
        PriorBench.run(figures);
        FoldBench.run(figures, notes);
        try {
            Path directory = Files.createTempDirectory("calibrant-bench");
            try (Cluster cluster = Cluster.start(directory.resolve("cluster"), 0, 0)) {
                new Folding(cluster.connection(), directory, figures).run();
            } finally {
                delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to the temporary directory: " + e.getMessage(), e);
        }
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }

    private static double megabytes(Path directory) throws IOException {
        long bytes = 0;
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(file);
            }
        }
        return bytes / 1e6;
    }

    /** The part with Kafka. */
    private final class Folding {
        private final Connection connection;
        private final Path directory;
        private final Consumer<Figure> figures;
        private double lastRaw;

        Folding(Connection connection, Path directory, Consumer<Figure> figures) {
            this.connection = connection;
            this.directory = directory;
            this.figures = figures;
        }

        void run() throws IOException {
            TopicAdmin.createMissing(connection);
            String topic = connection.topics().statistics();
            try (TopicMeter meter = new TopicMeter(connection)) {
                long start = System.nanoTime();
                load.publish(connection);
                double seconds = (System.nanoTime() - start) / 1e9;
                TopicMeter.Content input = meter.content(topic); // and it is in the page cache now
                figures.accept(Figure.absolute("fitter.input.records", (double) input.records(), ""));
                figures.accept(Figure.absolute("fitter.input.mb", input.megabytes(), "MB"));
                figures.accept(Figure.absolute("fitter.publish.mb_per_second", input.megabytes() / seconds, "MB/s"));
                skew(input);

                TopicMeter.Rate raw = meter.raw(topic, input);
                lastRaw = raw.megabytes();
                absolute("fitter.raw_consume", raw);
                absolute("fitter.decoding_consume", meter.decoded(topic, input));
                againstRaw("bare_folding.one_thread", meter, input, () -> meter.bare(topic, input, 1));
                againstRaw("folding.one_thread", meter, input, () -> folded(meter, input, "one-thread", 1, 1));
                againstRaw("bare_folding.two_threads", meter, input, () -> meter.bare(topic, input, 2));
                againstRaw("folding.two_threads", meter, input, () -> folded(meter, input, "two-threads", 1, 2));
                againstRaw("folding.two_processes", meter, input, () -> folded(meter, input, "two-processes", 2, 1));
                long bad =
                        meter.content(connection.topics().fitterDeadLetters()).records();
                if (bad > 0) {
                    throw new IllegalStateException(bad + " statistics were dead-lettered and not folded");
                }
                state(meter, input, "two-threads");
                restore("two-threads");
            }
        }

        private void absolute(String name, TopicMeter.Rate rate) {
            figures.accept(Figure.absolute(name + ".records_per_second", rate.records(), "1/s"));
            figures.accept(Figure.absolute(name + ".mb_per_second", rate.megabytes(), "MB/s"));
        }

        /** Measured between two passes of the plain consumer, since a machine's speed changes within minutes. */
        private void againstRaw(
                String who, TopicMeter meter, TopicMeter.Content input, Supplier<TopicMeter.Rate> measured) {
            TopicMeter.Rate rate = measured.get();
            double before = lastRaw;
            lastRaw = meter.raw(connection.topics().statistics(), input).megabytes();
            absolute("fitter." + who, rate);
            if (!Double.isNaN(rate.cpuMillis())) {
                figures.accept(Figure.absolute("fitter." + who + ".cpu_ms_per_record", rate.cpuMillis(), "ms"));
            }
            figures.accept(Figure.ratio(
                    "fitter." + who + ".to_raw_consume",
                    rate.megabytes(),
                    "one plain consumer of the same topic, bytes not decoded: the mean of before and after",
                    (before + lastRaw) / 2,
                    "MB/s"));
        }

        private void skew(TopicMeter.Content input) {
            double most = 0;
            double all = 0;
            for (Set<String> keys : input.keys().values()) {
                most = Math.max(most, keys.size());
                all += keys.size();
            }
            int partitions = connection.topics().definitions().stream()
                    .filter(definition ->
                            definition.name().equals(connection.topics().statistics()))
                    .findFirst()
                    .orElseThrow()
                    .partitions();
            figures.accept(Figure.ratio(
                    "fitter.partition_skew",
                    most,
                    "keys of a partition, the most against the mean of " + partitions + " partitions",
                    all / partitions,
                    "keys"));
        }

        private Path stateOf(String fit) {
            return directory.resolve("state-" + fit);
        }

        private String groupOf(String fit) {
            return settings(fit).applicationId(connection.topics());
        }

        private FitterSettings settings(String fit) {
            return FitterSettings.defaults().named(fit).withStateDir(stateOf(fit));
        }

        private TopicMeter.Rate folded(
                TopicMeter meter, TopicMeter.Content input, String fit, int processes, int threads) {
            List<FitterProcess> running = new ArrayList<>();
            try {
                for (int i = 0; i < processes; i++) {
                    running.add(FitterProcess.start(connection, fit, threads, stateOf(fit), i));
                }
                return meter.folded(
                        groupOf(fit),
                        connection.topics().statistics(),
                        connection.topics().factorUpdates(),
                        input,
                        () -> running.stream()
                                .mapToLong(FitterProcess::cpuMillis)
                                .sum());
            } finally {
                running.forEach(FitterProcess::close);
            }
        }

        private void state(TopicMeter meter, TopicMeter.Content input, String fit) throws IOException {
            long logged = 0;
            long kept = 0;
            for (String changelog :
                    meter.topics(name -> name.startsWith(groupOf(fit) + "-") && name.endsWith("-changelog"))) {
                TopicMeter.Content content = meter.content(changelog);
                logged += content.bytes();
                kept += content.latestBytes();
            }
            figures.accept(Figure.absolute("fitter.state.mb", kept / 1e6, "MB"));
            figures.accept(Figure.absolute("fitter.state_on_disk.mb", megabytes(stateOf(fit)), "MB"));
            figures.accept(
                    Figure.ratio("fitter.changelog_per_input_byte", logged / 1e6, "input", input.megabytes(), "MB"));
        }

        /** The time until partitions are assigned, with the state restored from topics and with the state on disk. */
        private void restore(String fit) throws IOException {
            double kept = startSeconds(fit);
            delete(stateOf(fit));
            figures.accept(Figure.absolute("fitter.start.seconds", kept, "s"));
            figures.accept(Figure.absolute("fitter.restore.seconds", startSeconds(fit), "s"));
        }

        private double startSeconds(String fit) {
            try (Fitter fitter = new Fitter(connection, settings(fit), posterior -> {})) {
                long start = System.nanoTime();
                fitter.start();
                return (System.nanoTime() - start) / 1e9;
            }
        }
    }
}
