package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.cluster.Broker;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.CurvatureSettings;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.Checkpoint;
import io.calibrant.trainer.statistics.RowType;
import io.calibrant.trainer.statistics.Unsent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.junit.jupiter.api.Test;

/** Statistics while the weights move: the golden model fine-tuned through a real broker and registry. */
class LiveStatisticsIT extends GoldenTraining {
    @Test
    void shouldStreamEveryStepAndKeepCheckpointsApart() throws IOException {
        StreamingSettings streaming = new StreamingSettings(1, OptionalDouble.of(4), 1, RowType.F32, 64_000_000);

        Trainer.run(settings("r", 8, 1e-3, 10, streaming, 3), connection, event -> {});

        Map<String, List<Statistics>> byCheckpoint =
                statistics(connection).stream().collect(Collectors.groupingBy(Statistics::getCheckpoint));
        assertThat(byCheckpoint).containsOnlyKeys(Checkpoint.LIVE, "step-3", "step-6", "step-8");
        double gamma = Math.pow(2, -0.25);
        assertThat(byCheckpoint.get(Checkpoint.LIVE)).allSatisfy(record -> {
            assertThat(record.getBatchesExpected()).isNull();
            assertThat(record.getForgetting()).isCloseTo(gamma, within(1e-15));
            assertThat(record.getLogLikelihood()).isNegative();
            boolean input = record.getBlock().endsWith(".last_input");
            assertThat(record.getSquaredNorm()).isGreaterThanOrEqualTo(0).matches(norm -> norm == 0 == input);
        });
        assertThat(batches(byCheckpoint.get(Checkpoint.LIVE))).isEqualTo(upTo(8));
        for (String checkpoint : List.of("step-3", "step-6", "step-8")) {
            assertThat(batches(byCheckpoint.get(checkpoint))).isEqualTo(upTo(3));
            assertThat(byCheckpoint.get(checkpoint)).allSatisfy(record -> {
                assertThat(record.getBatchesExpected()).isEqualTo(3);
                assertThat(record.getForgetting()).isEqualTo(1);
            });
        }
        // the first step is at the initial weights, whose distance to themselves is 0
        assertThat(byCheckpoint.get(Checkpoint.LIVE))
                .filteredOn(record -> record.getBatch() == 0)
                .allSatisfy(record -> assertThat(record.getSquaredDistance()).isZero());
        Map<String, List<AdapterBlock>> adapters =
                CommittedRecords.of(connection, connection.topics().adapters(), AdapterBlock.class).stream()
                        .map(ConsumerRecord::value)
                        .collect(Collectors.groupingBy(AdapterBlock::getCheckpoint));
        assertThat(adapters).containsOnlyKeys("step-3", "step-6", "step-8");
        List<Progress> ends = progress(connection).stream()
                .filter(record -> record.getPhase() != io.calibrant.schemas.avro.Phase.FINE_TUNING
                        && record.getStep() == record.getSteps())
                .toList();
        assertThat(ends).extracting(Progress::getCheckpoint).containsExactly("step-3", "step-6", "step-8");
        assertThat(ends)
                .extracting(Progress::getPhase)
                .containsExactly(
                        io.calibrant.schemas.avro.Phase.CURVATURE,
                        io.calibrant.schemas.avro.Phase.CURVATURE,
                        io.calibrant.schemas.avro.Phase.DONE);
        assertThat(ends).allSatisfy(record -> {
            assertThat(record.getLogLikelihood()).isNegative();
            assertThat(record.getSquaredNorm()).isPositive();
            assertThat(record.getSquaredDistance()).isPositive();
        });

        // and nothing of this changes what is trained
        Connection plain = connection();
        Trainer.run(settings("r", 8, 1e-3, 10, StreamingSettings.NONE, 0), plain, event -> {});
        assertThat(statistics(plain)).extracting(Statistics::getCheckpoint).containsOnly("step-8");
        Map<String, float[]> weights = new HashMap<>();
        CommittedRecords.of(plain, plain.topics().adapters(), AdapterBlock.class)
                .forEach(record -> weights.put(
                        record.value().getBlock(), Tensors.floats(record.value().getWeight())));
        assertThat(adapters.get("step-8"))
                .allSatisfy(block ->
                        assertThat(Tensors.floats(block.getWeight())).isEqualTo(weights.get(block.getBlock())));
    }

    @Test
    void shouldFoldStepsIntoOneRecord() throws IOException {
        StreamingSettings streaming = new StreamingSettings(2, OptionalDouble.of(4), 3, RowType.F32, 64_000_000);

        Trainer.run(settings("r", 9, 1e-3, 10, streaming, 0), connection, event -> {});

        double gamma = Math.pow(2, -0.5);
        List<Statistics> live = statistics(connection).stream()
                .filter(record -> record.getCheckpoint().equals(Checkpoint.LIVE))
                .toList();
        assertThat(batches(live)).isEqualTo(Set.of(0L, 3L)); // steps 1, 3, 5 and 7, 9
        assertThat(live).allSatisfy(record -> {
            int batches = record.getBatch() == 0 ? 3 : 2;
            assertThat(record.getBatches()).isEqualTo(batches);
            assertThat(record.getStride()).isEqualTo(1);
            assertThat(record.getForgetting()).isCloseTo(Math.pow(gamma, batches), within(1e-15));
            assertThat(record.getExamples()).isLessThan(4 * batches);
            assertThat(record.getRows().getShape().get(0)).isLessThanOrEqualTo(20);
        });
        List<Statistics> pass = statistics(connection).stream()
                .filter(record -> record.getCheckpoint().equals("step-9"))
                .toList();
        assertThat(batches(pass)).isEqualTo(Set.of(0L));
        assertThat(pass).allSatisfy(record -> {
            assertThat(record.getBatches()).isEqualTo(3);
            assertThat(record.getForgetting()).isEqualTo(1);
            assertThat(record.getExamples()).isEqualTo(12);
        });
    }

    @Test
    void shouldWaitForABrokerThatIsGoneSaySoGoOnAndLoseNothing() throws IOException {
        Path logs = directory.resolve("gone");
        List<String> lines = new ArrayList<>();
        AtomicBoolean gone = new AtomicBoolean();
        Broker[] broker = {Broker.start(logs, 0)};
        try {
            String address = broker[0].bootstrapServers();
            int port = Integer.parseInt(address.substring(address.indexOf(':') + 1));
            Connection there = new Connection(address, connection.schemaRegistry(), "gone.", Map.of());
            StreamingSettings small = new StreamingSettings(1, OptionalDouble.empty(), 1, RowType.F32, 1);
            AtomicReference<Trainer> running = new AtomicReference<>();
            List<String> obstacles = new ArrayList<>();
            ProgressListener listener = new ProgressListener() {
                @Override
                public void progressed(Event event) {
                    if (event.phase() == ProgressListener.Phase.CURVATURE) {
                        obstacles.add(running.get().obstacle().orElse("ready"));
                    }
                    if (event.phase() == ProgressListener.Phase.FINE_TUNING
                            && event.done() == 5
                            && gone.compareAndSet(false, true)) {
                        broker[0].close();
                    }
                }

                @Override
                public void warned(String line) {
                    lines.add(line);
                    obstacles.add(running.get().obstacle().orElse("ready"));
                    if (line.startsWith("waiting") && gone.compareAndSet(true, false)) {
                        broker[0] = Broker.start(logs, port);
                    }
                }
            };
            try (Trainer trainer = new Trainer(settings("r", 12, 1e-3, 10, small, 0), there, listener)) {
                assertThat(trainer.obstacle()).contains("loading");
                running.set(trainer);
                trainer.run();
                assertThat(trainer.unsent()).isEqualTo(Unsent.NONE);
            }

            assertThat(obstacles).startsWith("waiting-for-kafka").endsWith("ready");
            assertThat(lines).first().asString().startsWith("waiting: broker " + address);
            assertThat(lines).anySatisfy(line -> assertThat(line).startsWith("going on: broker " + address));
            Map<String, Set<Long>> byBlock = new HashMap<>();
            statistics(there).stream()
                    .filter(record -> record.getCheckpoint().equals(Checkpoint.LIVE))
                    .forEach(record -> byBlock.computeIfAbsent(record.getBlock(), b -> new HashSet<>())
                            .add(record.getBatch()));
            assertThat(byBlock).isNotEmpty();
            assertThat(byBlock.values()).containsOnly(upTo(12));
        } finally {
            broker[0].close();
        }
    }

    @Test
    void shouldWaitForABrokerThatIsSlow() throws Exception {
        List<String> lines = new ArrayList<>();
        StreamingSettings small = new StreamingSettings(1, OptionalDouble.empty(), 1, RowType.F32, 1);
        TopicAdmin.createMissing(connection);
        quota(20_000.0);
        long begun = System.nanoTime();
        try {
            Trainer.run(settings("r", 4, 1e-3, 10, small, 0), connection, new ProgressListener() {
                @Override
                public void progressed(Event event) {}

                @Override
                public void warned(String line) {
                    lines.add(line);
                }
            });
        } finally {
            quota(null);
        }

        System.out.printf(
                "4 steps through a broker that takes 20 kB/s: %d s, %s%n",
                Duration.ofNanos(System.nanoTime() - begun).toSeconds(), lines);
        assertThat(lines).first().asString().startsWith("waiting: broker");
        List<Statistics> live = statistics(connection).stream()
                .filter(record -> record.getCheckpoint().equals(Checkpoint.LIVE))
                .toList();
        assertThat(batches(live)).isEqualTo(upTo(4));
        assertThat(live.stream().map(record -> record.getBlock() + record.getBatch()))
                .as("each once: a slow broker is not asked twice")
                .doesNotHaveDuplicates();
    }

    private void quota(Double bytesPerSecond) throws Exception {
        Map<String, String> everybody = new HashMap<>();
        everybody.put(ClientQuotaEntity.CLIENT_ID, null);
        try (Admin admin = Admin.create(connection.admin())) {
            admin.alterClientQuotas(List.of(new ClientQuotaAlteration(
                            new ClientQuotaEntity(everybody),
                            List.of(new ClientQuotaAlteration.Op("producer_byte_rate", bytesPerSecond)))))
                    .all()
                    .get();
        }
    }

    @Test
    void shouldStopWhereAnotherProcessPublishesTheSameShard() throws IOException {
        TrainerSettings settings = settings("r", 6, 1e-3, 10, StreamingSettings.DEFAULT, 0);
        AtomicBoolean begun = new AtomicBoolean();

        assertThatThrownBy(() -> Trainer.run(settings, connection, event -> {
                    if (event.phase() == ProgressListener.Phase.FINE_TUNING
                            && event.done() == 3
                            && begun.compareAndSet(false, true)) {
                        Trainer.run(settings, connection, other -> {});
                    }
                }))
                .hasMessage("another process has started to publish shard 0/1 of run 'r': this one stops");

        // the other one was not disturbed
        assertThat(progress(connection))
                .last()
                .extracting(Progress::getPhase)
                .isEqualTo(io.calibrant.schemas.avro.Phase.DONE);
        List<Statistics> pass = statistics(connection).stream()
                .filter(record -> record.getCheckpoint().equals("step-6"))
                .toList();
        assertThat(batches(pass)).isEqualTo(upTo(3));
        assertThat(pass.stream().map(record -> record.getBlock() + record.getBatch()))
                .doesNotHaveDuplicates();
    }

    private static Set<Long> batches(List<Statistics> records) {
        return records.stream().map(Statistics::getBatch).collect(Collectors.toSet());
    }

    private static Set<Long> upTo(long batches) {
        return LongStream.range(0, batches).boxed().collect(Collectors.toSet());
    }

    private static List<Statistics> statistics(Connection connection) {
        return CommittedRecords.of(connection, connection.topics().statistics(), Statistics.class).stream()
                .map(ConsumerRecord::value)
                .toList();
    }

    private static List<Progress> progress(Connection connection) {
        return CommittedRecords.of(connection, connection.topics().progress(), Progress.class).stream()
                .map(ConsumerRecord::value)
                .toList();
    }

    /** @param rank 0 for all */
    private static TrainerSettings settings(
            String run, int steps, double rate, int rank, StreamingSettings streaming, int checkpointEvery)
            throws IOException {
        List<String> lines = Files.readAllLines(GOLDEN.resolve("data_mcq").resolve("train.jsonl"));
        return TrainerSettings.of(
                        run,
                        GOLDEN.resolve("model"),
                        Files.write(directory.resolve("questions.jsonl"), lines.subList(0, 12)))
                .withAdapter(AdapterSettings.DEFAULT.withFrom(GOLDEN.resolve("adapter_mcq")))
                .withOptimisation(new OptimisationSettings(steps, 4, rate))
                .withCurvature(CurvatureSettings.DEFAULT
                        .withRank(rank == 0 ? Optional.empty() : Optional.of(rank))
                        .withCheckpointEvery(checkpointEvery))
                .withStreaming(streaming)
                .withExecution(ExecutionSettings.DEFAULT.creatingTopics());
    }
}
