package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.faults.PlainFold;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.RandomStatistics;
import io.calibrant.testing.SharedCluster;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The fitter against a real broker and registry. */
class FitterIT {
    private static final int BATCHES = 40;
    private static final int RANK = 4;
    private static final int ROWS = 7;
    private static final List<Block> BLOCKS = List.of(
            new Block("layers.0.q_proj.lora_A", 3, 61, Side.INPUT),
            new Block("layers.0.q_proj.lora_B", 41, 3, Side.GRADIENT),
            new Block("lm_head.lora_B", 4, 3, Side.GRADIENT));

    @TempDir
    private static Path dir;

    @Test
    void shouldFoldEachBatchOnceThroughDuplicatesBadRecordsAndARestart() throws Exception {
        Connection connection = connection("once");
        TopicAdmin.createMissing(connection);
        List<byte[]> bad = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(connection)) {
            send(producer, connection.topics().runs(), "r", Run.class, run(), connection);
            for (int batch = 0; batch < BATCHES / 2; batch++) {
                sendAll(producer, connection, batch);
            }
            bad.add(sendBad(producer, connection));
        }
        long closing;
        try (Fitter fitter = fitter(connection, "default")) {
            fitter.start();
            // stopped while there is committed output and more to do
            await().atMost(60, TimeUnit.SECONDS)
                    .until(() -> !read(connection, connection.topics().factorUpdates(), FactorUpdate.class)
                            .isEmpty());
            closing = System.nanoTime();
        }
        Duration closed = Duration.ofNanos(System.nanoTime() - closing);
        System.out.printf("fitter closed in %d ms%n", closed.toMillis());
        assertThat(closed).isLessThan(Duration.ofSeconds(5));
        try (KafkaProducer<byte[], byte[]> producer = producer(connection)) {
            for (int batch = BATCHES / 4; batch < BATCHES; batch++) {
                sendAll(producer, connection, batch); // the first half of them for the second time
            }
            bad.add(sendUndecodable(producer, connection));
            sendAll(producer, connection, 0);
        }
        try (Fitter fitter = fitter(connection, "default")) {
            long start = System.nanoTime();
            fitter.start();
            System.out.printf(
                    "fitter restarted in %d ms%n",
                    Duration.ofNanos(System.nanoTime() - start).toMillis());
            awaitComplete(connection, "default");
            await().atMost(60, TimeUnit.SECONDS)
                    .until(() -> deadLetters(connection).size() >= bad.size());
        }
        List<FactorUpdate> updates =
                new ArrayList<>(read(connection, connection.topics().factorUpdates(), FactorUpdate.class));
        for (Block block : BLOCKS) {
            List<Long> sequence = updates.stream()
                    .filter(update -> update.getBlock().equals(block.getName()))
                    .map(FactorUpdate::getBatches)
                    .toList();
            assertThat(sequence).hasSize(BATCHES).isSorted().doesNotHaveDuplicates();
        }
        Map<String, Factor> live = factors(connection, "default");
        assertThat(live).hasSize(BLOCKS.size());
        live.values().forEach(FitterIT::shouldBeThePlainFold);
        List<ConsumerRecord<byte[], byte[]>> letters = deadLetters(connection);
        assertThat(letters).hasSize(bad.size());
        assertThat(letters).extracting(ConsumerRecord::value).containsExactlyInAnyOrderElementsOf(bad);
        for (ConsumerRecord<byte[], byte[]> letter : letters) {
            assertThat(new String(letter.key(), StandardCharsets.UTF_8)).startsWith("r/step-1/");
            assertThat(new String(
                            letter.headers()
                                    .lastHeader("__streams.errors.message")
                                    .value(),
                            StandardCharsets.UTF_8))
                    .isNotEmpty();
            assertThat(new String(
                            letter.headers()
                                    .lastHeader("__streams.errors.topic")
                                    .value(),
                            StandardCharsets.UTF_8))
                    .isEqualTo(connection.topics().statistics());
        }

        // and a second fit of the same topic gives the same bytes beside it
        try (Fitter fitter = fitter(connection, "again")) {
            fitter.start();
            awaitComplete(connection, "again");
        }
        Map<String, Factor> again = factors(connection, "again");
        for (Block block : BLOCKS) {
            Factor first = live.get(block.getName());
            Factor second = Factor.newBuilder(again.get(block.getName()))
                    .setFit("default")
                    .build();
            assertThat(connection
                            .serializer(Factor.class)
                            .serialize(connection.topics().factors(), second))
                    .containsExactly(connection
                            .serializer(Factor.class)
                            .serialize(connection.topics().factors(), first));
        }
        assertThat(posterior(connection, "again").getLogEvidence())
                .isEqualTo(posterior(connection, "default").getLogEvidence());
        assertThat(posterior(connection, "default").getState()).isEqualTo(PosteriorState.COMPLETE);
    }

    @Test
    void shouldFoldWhatIsSentWhileItRunsTheRunTogetherWithItsFirstStatistics() throws Exception {
        Connection connection = connection("live");
        TopicAdmin.createMissing(connection);
        try (Fitter fitter = fitter(connection, "default");
                KafkaProducer<byte[], byte[]> producer = producer(connection)) {
            fitter.start();
            long start = System.nanoTime();
            send(producer, connection.topics().runs(), "r", Run.class, run(), connection);
            for (int batch = 0; batch < BATCHES; batch++) {
                sendAll(producer, connection, batch);
            }
            awaitComplete(connection, "default");
            System.out.printf(
                    "%d statistics to a complete posterior in %d ms%n",
                    BATCHES * BLOCKS.size(),
                    Duration.ofNanos(System.nanoTime() - start).toMillis());
            assertThat(deadLetters(connection)).isEmpty();
            factors(connection, "default").values().forEach(FitterIT::shouldBeThePlainFold);
        }
    }

    @Test
    void shouldReplayTheTopicToItsEnd() throws Exception {
        Connection connection = connection("replay");
        TopicAdmin.createMissing(connection);
        try (KafkaProducer<byte[], byte[]> producer = producer(connection)) {
            send(producer, connection.topics().runs(), "r", Run.class, run(), connection);
            for (int batch = 0; batch < BATCHES; batch++) {
                sendAll(producer, connection, batch);
            }
        }
        try (Fitter fitter = fitter(connection, "default")) {
            fitter.start();
            fitter.awaitReplayed();
        }
        replay(
                connection,
                settings("same").selecting(new StatisticsSelection("r", "step-1", 0, BATCHES - 1, Set.of(), RANK)));

        // whatever it says is committed when it ends; RefitIT continues from here, by the command
        for (String fit : List.of("default", "same")) {
            assertThat(posterior(connection, fit).getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(read(connection, connection.topics().factorUpdates(), FactorUpdate.class).stream()
                            .filter(update -> update.getFit().equals(fit)))
                    .hasSize(BATCHES * BLOCKS.size());
        }
        for (Factor factor : factors(connection, "same").values()) {
            Factor live = factors(connection, "default").get(factor.getBlock());
            factor.setFit("default");
            assertThat(connection
                            .serializer(Factor.class)
                            .serialize(connection.topics().factors(), factor))
                    .containsExactly(connection
                            .serializer(Factor.class)
                            .serialize(connection.topics().factors(), live));
        }
        Posterior live = posterior(connection, "default");
        Posterior replayed = posterior(connection, "same");
        replayed.setFit("default");
        replayed.setVersion(live.getVersion()); // how many live ones there were before it is a matter of threads
        assertThat(replayed).isEqualTo(live);
    }

    @Test
    void shouldLetANameStandForOneSetOfSettings() throws Exception {
        Connection connection = connection("names");
        TopicAdmin.createMissing(connection);
        FitterSettings scalar = settings("one");
        FitterSettings layerwise = prior(scalar, PriorStructure.LAYERWISE);
        assertThat(FitRegistry.check(connection, scalar)).isEmpty();
        assertThat(FitRegistry.check(connection, layerwise)).isEmpty();

        // of two that come at the same moment with other settings, one begins
        List<CompletableFuture<Void>> starts = Stream.of(scalar, layerwise)
                .map(settings -> CompletableFuture.runAsync(() -> {
                    try (Fitter fitter = new Fitter(connection, settings, posterior -> {})) {
                        fitter.start();
                    }
                }))
                .toList();
        List<Throwable> refused = new ArrayList<>();
        for (CompletableFuture<Void> start : starts) {
            start.handle((done, failure) -> failure == null ? true : refused.add(failure.getCause()))
                    .get();
        }
        assertThat(refused).hasSize(1);
        assertThat(refused.get(0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageMatching(
                        "--fit must be a new name, or come with the settings it stands for \\(prior \\w+, not \\w+\\),"
                                + " got 'one'");
        assertThat(FitRegistry.find(connection, "one").orElseThrow().getRun()).isNull();

        StatisticsSelection all = new StatisticsSelection("r", null, 0, Long.MAX_VALUE, Set.of(), null);
        FitterSettings refit = settings("two").selecting(all);
        try (Fitter fitter = new Fitter(connection, refit, posterior -> {})) {
            fitter.start();
        }
        assertThat(FitRegistry.check(connection, refit)).isPresent();
        StatisticsSelection wider = new StatisticsSelection("r", null, 0, Long.MAX_VALUE, Set.of(), 2 * RANK);
        for (Map.Entry<FitterSettings, String> other : Map.of(
                        settings("two").selecting(wider),
                                "--as must be a new name, or come with the settings it stands for (rank nothing,"
                                        + " not 8), got 'two'",
                        settings("two"), "--fit must be a new name, not that of a refit of run 'r', got 'two'",
                        settings("default").selecting(all),
                                "--as must be a new name, not that of a live fit, got 'default'")
                .entrySet()) {
            try (Fitter fitter = new Fitter(connection, other.getKey(), posterior -> {})) {
                assertThatThrownBy(fitter::start)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageStartingWith(other.getValue());
            }
        }
        assertThat(FitRegistry.find(connection, "default")).isEmpty();
    }

    private static FitterSettings prior(FitterSettings settings, PriorStructure prior) {
        return settings.with(settings.prior().withStructure(prior));
    }

    private static void replay(Connection connection, FitterSettings settings) {
        try (Fitter fitter = new Fitter(connection, settings, posterior -> {})) {
            fitter.start();
            fitter.awaitReplayed();
        }
    }

    @Test
    void shouldNameWhatIsMissing() {
        Connection connection = connection("missing");
        try (Fitter fitter = fitter(connection, "default")) {
            assertThatThrownBy(fitter::start)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(connection.topics().statistics())
                    .hasMessageContaining("calibrant topics --apply");
        }
    }

    @Test
    void shouldRefuseFactorsCutOtherwiseThanStatistics() throws Exception {
        Connection connection = connection("cut");
        try (Admin admin = Admin.create(connection.admin())) {
            admin.createTopics(List.of(new NewTopic(connection.topics().factors(), Optional.of(3), Optional.empty())))
                    .all()
                    .get();
        }
        TopicAdmin.createMissing(connection);
        try (Fitter fitter = fitter(connection, "default")) {
            assertThatThrownBy(fitter::start)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("topics " + connection.topics().statistics() + " and "
                            + connection.topics().factors() + " must be co-partitioned: 4 and 3 partitions");
        }
    }

    @Test
    void shouldLetTwoFittersShareTheWork() throws Exception {
        Connection connection = connection("two");
        TopicAdmin.createMissing(connection);
        try (Fitter one = fitter(connection, "default");
                Fitter two = fitter(connection, "default");
                KafkaProducer<byte[], byte[]> producer = producer(connection)) {
            one.start();
            two.start();
            send(producer, connection.topics().runs(), "r", Run.class, run(), connection);
            for (int batch = 0; batch < BATCHES; batch++) {
                sendAll(producer, connection, batch);
            }
            awaitComplete(connection, "default");
            factors(connection, "default").values().forEach(FitterIT::shouldBeThePlainFold);
        }
    }

    private static Connection connection(String prefix) {
        return SharedCluster.connection(prefix);
    }

    private static Fitter fitter(Connection connection, String fit) {
        return new Fitter(connection, settings(fit), posterior -> {});
    }

    private static FitterSettings settings(String fit) {
        FitterSettings defaults = FitterSettings.defaults();
        return defaults.named(fit).withStateDir(dir.resolve("state"));
    }

    private static Run run() {
        return Run.newBuilder()
                .setRunId("r")
                .setBlocks(BLOCKS)
                .setRank(RANK)
                .setTrainingQuestions(4 * BATCHES)
                .build();
    }

    private static Statistics statistic(Block block, int batch) {
        Statistics value = RandomStatistics.of(block, batch, ROWS, 1000L * BLOCKS.indexOf(block) + batch);
        value.setBatchesExpected((long) BATCHES);
        return value;
    }

    private static KafkaProducer<byte[], byte[]> producer(Connection connection) {
        return new KafkaProducer<>(connection.producer(), new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static void sendAll(KafkaProducer<byte[], byte[]> producer, Connection connection, int batch)
            throws Exception {
        for (Block block : BLOCKS) {
            send(
                    producer,
                    connection.topics().statistics(),
                    Keys.block("r", "step-1", block.getName()),
                    Statistics.class,
                    statistic(block, batch),
                    connection);
        }
    }

    private static byte[] sendBad(KafkaProducer<byte[], byte[]> producer, Connection connection) throws Exception {
        Statistics value = statistic(BLOCKS.get(0), 1);
        value.setN(Double.NaN);
        return send(
                producer,
                connection.topics().statistics(),
                Keys.block("r", "step-1", value.getBlock()),
                Statistics.class,
                value,
                connection);
    }

    private static byte[] sendUndecodable(KafkaProducer<byte[], byte[]> producer, Connection connection)
            throws Exception {
        byte[] value = "no Avro at all".getBytes(StandardCharsets.UTF_8);
        byte[] key = "r/step-1/layers.0.q_proj.lora_A".getBytes(StandardCharsets.UTF_8);
        producer.send(new ProducerRecord<>(connection.topics().statistics(), key, value))
                .get();
        return value;
    }

    private static <T extends SpecificRecord> byte[] send(
            KafkaProducer<byte[], byte[]> producer,
            String topic,
            String key,
            Class<T> type,
            T value,
            Connection connection)
            throws Exception {
        byte[] bytes = connection.serializer(type).serialize(topic, value);
        try (StringSerializer keys = new StringSerializer()) {
            producer.send(new ProducerRecord<>(topic, keys.serialize(topic, key), bytes))
                    .get();
        }
        return bytes;
    }

    private static void awaitComplete(Connection connection, String fit) {
        await().atMost(90, TimeUnit.SECONDS)
                .until(() -> read(connection, connection.topics().posteriors(), Posterior.class).stream()
                        .anyMatch(p -> p.getFit().equals(fit) && p.getState() == PosteriorState.COMPLETE));
    }

    private static Posterior posterior(Connection connection, String fit) {
        return read(connection, connection.topics().posteriors(), Posterior.class).stream()
                .filter(p -> p.getFit().equals(fit))
                .reduce((a, b) -> b)
                .orElseThrow();
    }

    private static Map<String, Factor> factors(Connection connection, String fit) {
        Map<String, Factor> latest = new TreeMap<>();
        for (Factor factor : read(connection, connection.topics().factors(), Factor.class)) {
            if (factor.getFit().equals(fit)) {
                latest.put(factor.getBlock(), factor);
            }
        }
        return latest;
    }

    private static List<ConsumerRecord<byte[], byte[]>> deadLetters(Connection connection) {
        return CommittedRecords.raw(connection, connection.topics().fitterDeadLetters());
    }

    private static <T extends SpecificRecord> List<T> read(Connection connection, String topic, Class<T> type) {
        return CommittedRecords.of(connection, topic, type).stream()
                .map(ConsumerRecord::value)
                .toList();
    }

    private static void shouldBeThePlainFold(Factor found) {
        Block block = BLOCKS.stream()
                .filter(b -> b.getName().equals(found.getBlock()))
                .findFirst()
                .orElseThrow();
        PlainFold plain = new PlainFold(block, RANK);
        for (int batch = 0; batch < BATCHES; batch++) {
            plain.add(statistic(block, batch), 0);
        }
        Factor expected = plain.factor(found.getFit());
        expected.setTimestamp(found.getTimestamp()); // when it was sent is not known here
        assertThat(found).isEqualTo(expected);
    }
}
