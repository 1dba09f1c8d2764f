package io.calibrant.infra.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.testing.ChildJvm;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.FaultSeeds;
import io.calibrant.testing.SharedCluster;
import io.calibrant.testing.TopicEnds;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.statistics.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A trainer, a process of its own, that is killed three times and started again by the same command each time: in the
 * middle of a batch of fine-tuning, in the middle of one of a curvature pass, and between two batches. Oracle: what is
 * committed is, counted once, what an undisturbed trainer commits, byte for byte, and so is what a fitter makes of it.
 *
 * <p>Seeds draw the moments.
 */
class TrainerFaultIT {
    private static final Path GOLDEN = Path.of("..", "..", "shared", "golden");
    private static final Duration PATIENCE = Duration.ofMinutes(3); // another class of tests runs beside it
    private static final int STEPS = 45;
    private static final int CHECKPOINT_EVERY = 15; // odd: a record of two batches is cut there
    private static final int QUESTIONS = 32;
    private static final int BATCHES = 8;
    private static final List<String> CHECKPOINTS = List.of(Checkpoint.LIVE, "step-15", "step-30", "step-45");
    private static final String RUN = "r";
    private static final Duration HELD_BACK = Duration.ofSeconds(20);

    private final List<ChildJvm> processes = new ArrayList<>();

    @TempDir
    private static Path directory;

    @BeforeAll
    static void requireGolden() {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not here: trainer not run through the broker");
    }

    private static Connection connection() {
        return SharedCluster.connection("trainer-faults");
    }

    @AfterEach
    void end() {
        processes.forEach(ChildJvm::close);
    }

    @Test
    void shouldGoOnFromItsStateAndCountEveryBatchOnceWheneverItIsKilled() throws Exception {
        Connection undisturbed = connection();
        TopicAdmin.createMissing(undisturbed);
        ChildJvm whole = trainer(undisturbed, directory.resolve("undisturbed"), 1);
        CompletableFuture<Map<String, Factor>> factors = CompletableFuture.supplyAsync(() -> {
            awaitEnd(whole);
            return fit(undisturbed);
        });
        for (long seed : FaultSeeds.all()) {
            System.out.printf("trainer killed at moments of seed %s%n", seed);
            Connection disturbed = connection();
            TopicAdmin.createMissing(disturbed);
            Set<String> aborted = disturb(disturbed, directory.resolve("state" + seed), seed);
            Map<String, Factor> expected = factors.get();
            shouldBeTheSameOnTheTopics(disturbed, undisturbed, aborted);
            shouldBeTheSameToAFitter(disturbed, undisturbed, expected);
        }
        shouldRefuseADamagedState(undisturbed, directory.resolve("undisturbed"));
    }

    private void shouldRefuseADamagedState(Connection connection, Path states) throws Exception {
        Path state = states.resolve("r-0-of-1.safetensors");
        Files.write(state, Arrays.copyOf(Files.readAllBytes(state), 10_000));
        List<Long> ends = TopicEnds.of(connection);

        ChildJvm trainer = trainer(connection, states, 60);
        await("its end").atMost(PATIENCE).until(() -> !trainer.isAlive());

        assertThat(trainer.exitCode()).isEqualTo(1);
        assertThat(trainer.printed().lines())
                .last()
                .asString()
                .startsWith("calibrant train: --state-dir: " + state + ": ")
                .endsWith("; remove this file to start the run over");
        assertThat(TopicEnds.of(connection)).as("nothing is sent").isEqualTo(ends);
    }

    /** Kills a trainer three times and lets it come to its end. Gives where its uncommitted records are. */
    private Set<String> disturb(Connection connection, Path states, long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        Set<String> aborted = new TreeSet<>();
        try (Topic topic = new Topic(connection)) {
            // a state after every step and batch: what is not yet committed then would be missed for ever
            aborted.addAll(
                    kill(connection, 0, topic, states, Checkpoint.LIVE, 3 + random.nextInt(9), Moment.IN_A_BATCH));
            String pass = "step-" + (1 + random.nextInt(2)) * CHECKPOINT_EVERY;
            aborted.addAll(kill(connection, 0, topic, states, pass, 1 + random.nextInt(BATCHES / 2), Moment.IN_A_PASS));
            // one after every pass: what is sent between it and the kill is sent twice
            aborted.addAll(
                    kill(connection, 60, topic, states, Checkpoint.LIVE, 33 + random.nextInt(8), Moment.BETWEEN));
            awaitEnd(trainer(connection, states, 60));
        }
        for (int i = processes.size() - 3; i < processes.size(); i++) {
            String line = processes
                    .get(i)
                    .printed()
                    .lines()
                    .filter(each -> each.contains(" resuming run 'r' at step "))
                    .findFirst()
                    .orElseThrow();
            System.out.println(line);
        }
        return aborted;
    }

    /** When a trainer is killed. */
    private enum Moment {
        IN_A_BATCH,
        IN_A_PASS,
        BETWEEN;

        boolean isNow(List<ConsumerRecord<String, Statistics>> open) {
            return this == BETWEEN
                    ? open.isEmpty()
                    : open.stream()
                            .anyMatch(record ->
                                    record.value().getCheckpoint().equals(Checkpoint.LIVE) == (this == IN_A_BATCH));
        }
    }

    /**
     * Starts a trainer and kills it at a moment. A quota makes transactions last; where it holds the trainer back in
     * one that has no statistics, which may take minutes, that trainer is killed, too, and the next one tried.
     */
    private Set<String> kill(
            Connection connection,
            int stateSeconds,
            Topic topic,
            Path states,
            String checkpoint,
            int batches,
            Moment moment)
            throws Exception {
        for (int tried = 1; ; tried++) {
            ChildJvm trainer = trainer(connection, states, stateSeconds);
            try {
                return kill(trainer, topic, states, checkpoint, batches, moment);
            } catch (ConditionTimeoutException e) {
                if (tried == 3) {
                    throw e;
                }
                trainer.kill();
                quota(connection, null);
            }
        }
    }

    /**
     * Kills a process that has committed something and is not through: stops it, looks whether it is at the moment
     * wanted, with a transaction open that has records of fine-tuning or of a pass, or none at all, and lets it go on
     * where it is not.
     *
     * @param batches so many of the checkpoint are committed before
     * @return where the records are that are not committed
     */
    private Set<String> kill(ChildJvm trainer, Topic topic, Path states, String checkpoint, int batches, Moment moment)
            throws Exception {
        Path state = states.resolve("r-0-of-1.safetensors");
        await("a state and " + batches + " batches of " + checkpoint)
                .pollInterval(Duration.ofMillis(10))
                .atMost(PATIENCE)
                .until(() -> {
                    assertThat(trainer.isAlive()).as(trainer.printed()).isTrue();
                    return Files.exists(state) && topic.committed(checkpoint) >= batches;
                });
        if (moment != Moment.BETWEEN) {
            quota(topic.connection, 1000.0); // else a transaction is over before we have looked
            await("a transaction")
                    .pollInterval(Duration.ofMillis(10))
                    .atMost(HELD_BACK)
                    .until(() -> {
                        assertThat(trainer.isAlive()).as("%s not met", moment).isTrue();
                        return moment.isNow(topic.open());
                    });
        }
        for (int attempt = 1; ; attempt++) {
            trainer.stop();
            List<ConsumerRecord<String, Statistics>> open = topic.open();
            if (moment.isNow(open)) {
                assertThat(trainer.isAlive()).isTrue();
                assertThat(topic.committed("step-" + STEPS)).as("in flight").isLessThan(BATCHES);
                System.out.printf(
                        "killed %s at attempt %d: committed %s, %d records of a transaction not, state at step %s%n",
                        moment, attempt, topic.committed, open.size(), stepOf(state));
                trainer.kill();
                quota(topic.connection, null);
                return open.stream().map(TrainerFaultIT::place).collect(Collectors.toSet());
            }
            long before = topic.committedOffsets();
            trainer.goOn();
            await("something more is committed")
                    .pollInterval(Duration.ofMillis(5))
                    .atMost(PATIENCE)
                    .until(() -> {
                        assertThat(trainer.isAlive()).as("%s not met", moment).isTrue();
                        return topic.committedOffsets() > before;
                    });
        }
    }

    /** How many bytes a second the broker takes from the trainer; null: all. */
    private static void quota(Connection connection, Double bytesPerSecond) throws Exception {
        String client = "producer-" + connection.topicPrefix() + "calibrant-trainer-" + RUN + "-0-of-1";
        try (Admin admin = Admin.create(connection.admin())) {
            admin.alterClientQuotas(List.of(new ClientQuotaAlteration(
                            new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, client)),
                            List.of(new ClientQuotaAlteration.Op("producer_byte_rate", bytesPerSecond)))))
                    .all()
                    .get();
        }
    }

    private static void awaitEnd(ChildJvm trainer) {
        await("its end").atMost(PATIENCE).until(() -> !trainer.isAlive());
        assertThat(trainer.exitCode()).as(trainer.printed()).isZero();
    }

    private static long total(String checkpoint) {
        return checkpoint.equals(Checkpoint.LIVE) ? STEPS : BATCHES;
    }

    private static String stepOf(Path state) {
        try (SafetensorsReader reader = SafetensorsReader.open(state)) {
            return reader.metadata().get("step");
        }
    }

    private static void shouldBeTheSameOnTheTopics(Connection disturbed, Connection undisturbed, Set<String> aborted) {
        List<ConsumerRecord<String, Statistics>> committed = statistics(disturbed);
        assertThat(aborted).as("records of transactions that were open").isNotEmpty();
        assertThat(committed).as("what was aborted is not seen").noneMatch(record -> aborted.contains(place(record)));

        Map<String, Statistics> expected = once(statistics(undisturbed));
        Map<String, Statistics> found = once(committed); // what was sent twice is the same twice
        assertThat(committed.size()).as("some batches are there twice").isGreaterThan(found.size());
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        expected.forEach(
                (batch, statistic) -> assertThat(found.get(batch)).as(batch).isEqualTo(statistic));
        for (String checkpoint : CHECKPOINTS) {
            assertThat(batches(found.values(), checkpoint))
                    .as(checkpoint)
                    .containsOnly(LongStream.range(0, total(checkpoint)).boxed().collect(Collectors.toSet()));
        }

        Map<Long, Double> losses = losses(undisturbed);
        assertThat(losses).hasSize(STEPS / 5);
        Map<Long, Double> resumed = losses(disturbed);
        assertThat(resumed.keySet()).isEqualTo(losses.keySet());
        losses.forEach((step, loss) ->
                assertThat(resumed.get(step)).as("loss of step %d", step).isCloseTo(loss, within(1e-5)));
        assertThat(adapters(disturbed)).isEqualTo(adapters(undisturbed)).hasSize(3 * 14);
    }

    /** Each batch once; a second record of one is the same but for when its process was started. */
    private static Map<String, Statistics> once(List<ConsumerRecord<String, Statistics>> records) {
        Map<String, Statistics> once = new TreeMap<>();
        for (ConsumerRecord<String, Statistics> record : records) {
            Statistics timeless =
                    Statistics.newBuilder(record.value()).setEpoch(0).build();
            Statistics before = once.putIfAbsent(record.key() + "/" + timeless.getBatch(), timeless);
            assertThat(before == null || before.equals(timeless))
                    .as(place(record))
                    .isTrue();
        }
        return once;
    }

    /** The batches of every block of a checkpoint. */
    private static List<Set<Long>> batches(Iterable<Statistics> statistics, String checkpoint) {
        Map<String, Set<Long>> byBlock = new HashMap<>();
        for (Statistics each : statistics) {
            if (each.getCheckpoint().equals(checkpoint)) {
                Set<Long> batches = byBlock.computeIfAbsent(each.getBlock(), block -> new HashSet<>());
                for (int i = 0; i < each.getBatches(); i++) {
                    batches.add(each.getBatch() + (long) i * each.getStride());
                }
            }
        }
        return List.copyOf(byBlock.values());
    }

    private static Map<Long, Double> losses(Connection connection) {
        Map<Long, Double> losses = new LinkedHashMap<>();
        CommittedRecords.of(connection, connection.topics().progress(), Progress.class).stream()
                .map(ConsumerRecord::value)
                .filter(record -> record.getPhase() == Phase.FINE_TUNING)
                .forEach(record -> losses.put(record.getStep(), record.getLoss()));
        return losses;
    }

    private static Map<String, AdapterBlock> adapters(Connection connection) {
        return CommittedRecords.of(connection, connection.topics().adapters(), AdapterBlock.class).stream()
                .collect(Collectors.toMap(ConsumerRecord::key, ConsumerRecord::value, (first, second) -> second));
    }

    /** A fitter, too, counts each batch once. */
    private static void shouldBeTheSameToAFitter(
            Connection disturbed, Connection undisturbed, Map<String, Factor> expected) {
        // 14 blocks, and the inputs of 3 layers, of 4 checkpoints
        assertThat(fit(disturbed)).isEqualTo(expected).hasSize(4 * (14 + 3));
        Map<String, Posterior> posteriors = posteriors(disturbed);
        posteriors(undisturbed).forEach((key, posterior) -> {
            Posterior found = posteriors.get(key);
            assertThat(found.getBatches()).as(key).isEqualTo(posterior.getBatches());
            assertThat(found.getLogEvidence()).as(key).isEqualTo(posterior.getLogEvidence());
        });
        assertThat(CommittedRecords.raw(disturbed, disturbed.topics().fitterDeadLetters()))
                .isEmpty();
    }

    private static Map<String, Factor> fit(Connection connection) {
        FitterSettings settings =
                FitterSettings.defaults().withStateDir(directory.resolve("fit-" + connection.topicPrefix()));
        try (Fitter fitter = new Fitter(connection, settings, posterior -> {})) {
            fitter.start();
            await().atMost(PATIENCE)
                    .until(() -> CHECKPOINTS.stream().allMatch(checkpoint -> {
                        Posterior posterior = posteriors(connection).get(Keys.fit(RUN, checkpoint, "default"));
                        return posterior != null && posterior.getBatches() == total(checkpoint);
                    }));
        }
        Map<String, Factor> factors = new TreeMap<>();
        CommittedRecords.of(connection, connection.topics().factors(), Factor.class)
                .forEach(record -> factors.put(
                        record.key(),
                        Factor.newBuilder(record.value())
                                .setTimestamp(Instant.EPOCH)
                                .build()));
        return factors;
    }

    private static Map<String, Posterior> posteriors(Connection connection) {
        return TopicReader.latest(connection, connection.topics().posteriors(), Posterior.class, line -> {});
    }

    private static List<ConsumerRecord<String, Statistics>> statistics(Connection connection) {
        return CommittedRecords.of(connection, connection.topics().statistics(), Statistics.class);
    }

    private static String place(ConsumerRecord<?, ?> record) {
        return record.partition() + "/" + record.offset();
    }

    /** The topic of statistics as it fills, committed and not. */
    private static final class Topic implements AutoCloseable {
        private final Connection connection;
        private final Admin admin;
        private final List<TopicPartition> partitions;
        private final KafkaConsumer<String, Statistics> stable;
        private final KafkaConsumer<String, Statistics> all;
        private final Map<String, Long> committed = new TreeMap<>();
        private final Map<String, Set<Long>> batches = new HashMap<>();

        Topic(Connection connection) {
            this.connection = connection;
            admin = Admin.create(connection.admin());
            stable = consumer(connection, "read_committed");
            all = consumer(connection, "read_uncommitted");
            partitions = stable.partitionsFor(connection.topics().statistics()).stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
            stable.assign(partitions);
            stable.seekToBeginning(partitions);
            all.assign(partitions);
        }

        private static KafkaConsumer<String, Statistics> consumer(Connection connection, String isolation) {
            Map<String, Object> configs = connection.consumer(null);
            configs.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, isolation);
            return new KafkaConsumer<>(configs, new StringDeserializer(), connection.deserializer(Statistics.class));
        }

        /** How many batches of a checkpoint are committed. */
        long committed(String checkpoint) {
            stable.poll(Duration.ofMillis(20)).forEach(record -> {
                Statistics each = record.value();
                for (int i = 0; i < each.getBatches(); i++) {
                    batches.computeIfAbsent(each.getCheckpoint(), name -> new HashSet<>())
                            .add(each.getBatch() + (long) i * each.getStride());
                }
            });
            batches.forEach((name, there) -> committed.put(name, (long) there.size()));
            return committed.getOrDefault(checkpoint, 0L);
        }

        long committedOffsets() throws Exception {
            return ends(IsolationLevel.READ_COMMITTED).values().stream()
                    .mapToLong(Long::longValue)
                    .sum();
        }

        /** The records of transactions that are open. */
        List<ConsumerRecord<String, Statistics>> open() throws Exception {
            Map<TopicPartition, Long> ends = ends(IsolationLevel.READ_UNCOMMITTED);
            ends(IsolationLevel.READ_COMMITTED).forEach(all::seek);
            List<ConsumerRecord<String, Statistics>> open = new ArrayList<>();
            while (partitions.stream().anyMatch(p -> all.position(p) < ends.get(p))) {
                all.poll(Duration.ofMillis(20)).forEach(open::add);
            }
            return open;
        }

        private Map<TopicPartition, Long> ends(IsolationLevel isolation) throws Exception {
            Map<TopicPartition, OffsetSpec> asked =
                    partitions.stream().collect(Collectors.toMap(p -> p, p -> OffsetSpec.latest()));
            Map<TopicPartition, Long> ends = new HashMap<>();
            admin.listOffsets(asked, new ListOffsetsOptions(isolation))
                    .all()
                    .get()
                    .forEach((partition, end) -> ends.put(partition, end.offset()));
            return ends;
        }

        @Override
        public void close() {
            stable.close();
            all.close();
            admin.close();
        }
    }

    private static Path questions() throws IOException {
        List<String> lines = Files.readAllLines(GOLDEN.resolve("data_mcq").resolve("train.jsonl"));
        return Files.write(directory.resolve("questions.jsonl"), lines.subList(0, QUESTIONS));
    }

    /** @param every seconds from one state to the next */
    private ChildJvm trainer(Connection connection, Path states, int every) throws IOException {
        ChildJvm trainer = ChildJvm.calibrant(
                directory.resolve("trainer-" + processes.size() + ".log"),
                "train",
                "--run",
                RUN,
                "--model",
                GOLDEN.resolve("model").toString(),
                "--questions",
                questions().toString(),
                "--steps",
                Integer.toString(STEPS),
                "--learning-rate",
                "1e-3",
                "--max-length",
                "256",
                "--validation",
                "none",
                "--batches-per-record",
                "2",
                "--half-life",
                "10",
                "--checkpoint-every",
                Integer.toString(CHECKPOINT_EVERY),
                "--state-dir",
                states.toString(),
                "--state-every",
                Integer.toString(every),
                "--bootstrap-server",
                connection.bootstrapServers(),
                "--schema-registry",
                connection.schemaRegistry(),
                "--topic-prefix",
                connection.topicPrefix());
        processes.add(trainer);
        return trainer;
    }
}
