package io.calibrant.infra.fitter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.fitter.topology.Fitter;
import io.calibrant.fitter.topology.FitterSettings;
import io.calibrant.infra.cluster.Cluster;
import io.calibrant.infra.topics.CommittedRecords;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The fitter against a real broker and registry. */
class FitterIT {
    private static final int BATCHES = 40;
    private static final int RANK = 4;
    private static final List<Block> BLOCKS = List.of(
            new Block("layers.0.q_proj.lora_A", 3, 61, Side.INPUT),
            new Block("layers.0.q_proj.lora_B", 41, 3, Side.GRADIENT),
            new Block("lm_head.lora_B", 4, 3, Side.GRADIENT));

    @TempDir
    private static Path dir;

    private static Cluster cluster;

    @BeforeAll
    static void startCluster() {
        cluster = Cluster.start(dir.resolve("cluster"), 0, 0);
    }

    @AfterAll
    static void stopCluster() {
        cluster.close();
    }

    @Test
    void shouldFoldEachBatchOnceThroughDuplicatesBadRecordsAndARestart() throws Exception {
        Connection connection = connection("once.");
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
                    .isEqualTo("once.statistics");
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
            assertThat(connection.serializer(Factor.class).serialize("once.factors", second))
                    .containsExactly(connection.serializer(Factor.class).serialize("once.factors", first));
        }
        assertThat(posterior(connection, "again").getLogEvidence())
                .isEqualTo(posterior(connection, "default").getLogEvidence());
        assertThat(posterior(connection, "default").getState()).isEqualTo(PosteriorState.COMPLETE);
    }

    @Test
    void shouldFoldWhatIsSentWhileItRunsTheRunTogetherWithItsFirstStatistics() throws Exception {
        Connection connection = connection("live.");
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
    void shouldNameWhatIsMissing() {
        Connection connection = connection("missing.");
        try (Fitter fitter = fitter(connection, "default")) {
            assertThatThrownBy(fitter::start)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("missing.statistics")
                    .hasMessageContaining("calibrant topics --apply");
        }
    }

    @Test
    void shouldSayWhichBrokerDoesNotAnswer() {
        Connection nowhere = new Connection("127.0.0.1:1", cluster.schemaRegistry(), "", Map.of());
        try (Fitter fitter = fitter(nowhere, "default")) {
            assertThatThrownBy(fitter::start).isInstanceOf(KafkaException.class).hasMessageContaining("127.0.0.1:1");
        }
    }

    @Test
    void shouldLetTwoFittersShareTheWork() throws Exception {
        Connection connection = connection("two.");
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
        return new Connection(cluster.bootstrapServers(), cluster.schemaRegistry(), prefix, Map.of());
    }

    private static Fitter fitter(Connection connection, String fit) {
        FitterSettings defaults = FitterSettings.defaults();
        return new Fitter(
                connection,
                new FitterSettings(
                        fit,
                        dir.resolve("state"),
                        2,
                        defaults.prior(),
                        defaults.priorMean(),
                        true,
                        defaults.cacheBytes(),
                        defaults.commitInterval(),
                        defaults.objective(),
                        defaults.calibrationWindow(),
                        defaults.retention(),
                        false),
                posterior -> {});
    }

    private static Run run() {
        return Run.newBuilder()
                .setRunId("r")
                .setBlocks(BLOCKS)
                .setRank(RANK)
                .setTrainingQuestions(4 * BATCHES)
                .build();
    }

    private static int large(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getInputs() : block.getOutputs();
    }

    private static Statistics statistic(Block block, int batch) {
        Random random = new Random(1000L * BLOCKS.indexOf(block) + batch);
        int d = large(block);
        float[] rows = new float[7 * d];
        double trace = 0;
        for (int i = 0; i < rows.length; i++) {
            rows[i] = random.nextFloat() - 0.5f;
            trace += (double) rows[i] * rows[i];
        }
        float[] small = new float[9];
        for (int i = 0; i < 3; i++) {
            small[i * 4] = 1 + random.nextFloat();
        }
        return Statistics.newBuilder()
                .setRunId("r")
                .setCheckpoint("step-1")
                .setBlock(block.getName())
                .setBatch(batch)
                .setBatchesExpected((long) BATCHES)
                .setRows(Tensors.of(rows, 7, d))
                .setSmall(Tensors.of(small, 3, 3))
                .setN(30)
                .setExamples(4)
                .setTrace(trace * 1.1)
                .setLogLikelihood(-3)
                .setSquaredNorm(2)
                .build();
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

    /** The oracle: the statistics of one block folded one after the other in plain Java, through float32 at every step. */
    private static void shouldBeThePlainFold(Factor found) {
        Block block = BLOCKS.stream()
                .filter(b -> b.getName().equals(found.getBlock()))
                .findFirst()
                .orElseThrow();
        KroneckerFactor factor = KroneckerFactor.empty(large(block), 3, RANK);
        for (int batch = 0; batch < BATCHES; batch++) {
            Statistics s = statistic(block, batch);
            factor = factor.fold(
                    new BatchSums(
                            Tensors.doubles(s.getRows()),
                            7,
                            s.getTrace(),
                            Tensors.doubles(s.getSmall()),
                            s.getN(),
                            s.getExamples(),
                            s.getLogLikelihood()),
                    1);
            if (factor.large() instanceof Columns columns) {
                double[] rounded = Tensors.doubles(FactorRecords.large(columns));
                factor = new KroneckerFactor(
                        new Columns(columns.dimension(), RANK, rounded, columns.trace()),
                        factor.small(),
                        factor.n(),
                        factor.examples(),
                        factor.logLikelihood());
            }
        }
        assertThat(found.getBatches()).isEqualTo(BATCHES);
        assertThat(found.getFoldedBelow()).isEqualTo(BATCHES);
        assertThat(found.getLarge()).isEqualTo(FactorRecords.large(factor.large()));
        assertThat(found.getSmall()).isEqualTo(Tensors.of(factor.small(), 3, 3));
        assertThat(found.getN()).isEqualTo(factor.n());
        assertThat(found.getTrace()).isEqualTo(factor.large().trace());
    }
}
