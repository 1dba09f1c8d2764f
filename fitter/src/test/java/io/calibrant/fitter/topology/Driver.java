package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.labels.QuestionState;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.service.StreamsConfigs;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StreamsSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.test.TestRecord;

/** The topology in a test driver, its topics in plain Java. Time in records is 1000 ms and up. */
final class Driver implements AutoCloseable {
    /** The fitter's time; no record of the tests is later, but those that are meant to be. */
    static final Instant NOW = Instant.parse("2100-01-01T00:00:00Z");

    final Connection connection;
    final List<Posterior> heard = new ArrayList<>();
    private final TopologyTestDriver driver;
    private final Topics topics = new Topics("");
    private long time = 1000;

    Driver(FitterSettings settings, Path stateDir, Map<String, String> properties) {
        this(settings, stateDir, properties, Runnable::run);
    }

    /** @param executor where calibration computes */
    Driver(FitterSettings settings, Path stateDir, Map<String, String> properties, Executor executor) {
        this(settings, stateDir, properties, executor, new InputPartitions(1, 1));
    }

    /** @param partitions of the inputs; a test driver puts every record in partition 0 */
    Driver(FitterSettings settings, Path stateDir, InputPartitions partitions) {
        this(settings, stateDir, Map.of(), Runnable::run, partitions);
    }

    private Driver(
            FitterSettings settings,
            Path stateDir,
            Map<String, String> properties,
            Executor executor,
            InputPartitions partitions) {
        connection = new Connection("localhost:1", "mock://" + UUID.randomUUID(), "", properties);
        Properties configs = StreamsConfigs.of(connection, settings, stateDir);
        // The driver forgets what is sent outside its transactions, the dead letters of undecodable records among them.
        configs.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        driver = new TopologyTestDriver(
                FitterTopology.build(
                        connection,
                        settings,
                        partitions,
                        executor,
                        new PendingCalibrations(),
                        heard::add,
                        Clock.fixed(NOW, ZoneOffset.UTC)),
                configs);
    }

    static FitterSettings settings() {
        return settings(PriorObjective.EVIDENCE);
    }

    static FitterSettings compressing(Compression compression) {
        return settings(PriorObjective.EVIDENCE, compression);
    }

    static FitterSettings settings(PriorObjective objective) {
        return settings(objective, Compression.TRUNCATE);
    }

    private static FitterSettings settings(PriorObjective objective, Compression compression) {
        return FitterSettings.defaults()
                .with(compression)
                .with(objective)
                .with(new StreamsSettings(Path.of("unused"), 1, 1 << 20, Duration.ofMillis(200), false));
    }

    void run(Run run) {
        runRaw(run.getRunId(), encode(Run.class, topics.runs(), run));
    }

    void runRaw(String runId, byte[] value) {
        raw(topics.runs()).pipeInput(bytes(runId), value);
    }

    void send(Block block, long batch, Long expected) {
        send(Pass.key(block), Pass.statistic(block, batch, expected));
    }

    /** Sends a statistic at a time of its own. */
    void sendAt(Block block, long batch, long timestamp) {
        raw(topics.statistics())
                .pipeInput(
                        bytes(Pass.key(block)),
                        encode(Statistics.class, topics.statistics(), Pass.statistic(block, batch, null)),
                        timestamp);
    }

    byte[] send(String key, Statistics value) {
        byte[] encoded = value == null ? null : encode(Statistics.class, topics.statistics(), value);
        sendRaw(key == null ? null : bytes(key), encoded);
        return encoded;
    }

    /** Sends an answer at a time of its own, and gives its bytes. */
    byte[] answer(Answer answer, long timestamp) {
        byte[] encoded = encode(Answer.class, topics.answers(), answer);
        raw(topics.answers()).pipeInput(bytes(answer.getQuestionId()), encoded, timestamp);
        return encoded;
    }

    /** Lets calibration look, so many times. */
    void look(int times) {
        for (int i = 0; i < times; i++) {
            driver.advanceWallClockTime(LabelCalibrationProcessor.LOOK_EVERY);
        }
    }

    void answerRaw(byte[] key, byte[] value) {
        raw(topics.answers()).pipeInput(key, value, time++);
    }

    void label(String questionId, String label, long timestamp) {
        raw(topics.labels())
                .pipeInput(
                        bytes(questionId),
                        encode(Label.class, topics.labels(), new Label(label, null, null)),
                        timestamp);
    }

    byte[] predictive(PredictiveStatistics statistics, long timestamp) {
        byte[] encoded = encode(PredictiveStatistics.class, topics.predictiveStatistics(), statistics);
        raw(topics.predictiveStatistics()).pipeInput(bytes(statistics.getQuestionId()), encoded, timestamp);
        return encoded;
    }

    byte[] predictiveRaw(byte[] key, PredictiveStatistics statistics) {
        byte[] encoded = encode(PredictiveStatistics.class, topics.predictiveStatistics(), statistics);
        raw(topics.predictiveStatistics()).pipeInput(key, encoded, time++);
        return encoded;
    }

    void labelRaw(byte[] key, byte[] value) {
        raw(topics.labels()).pipeInput(key, value, time++);
    }

    /**
     * The latest of every key of topic calibration, what was deleted left out; of all that came since the last call.
     */
    Map<String, CalibrationMetrics> calibration() {
        Map<String, CalibrationMetrics> latest = new TreeMap<>();
        read(topics.calibration(), CalibrationMetrics.class).forEach(record -> {
            latest.remove(record.key());
            if (record.value() != null) {
                latest.put(record.key(), record.value());
            }
        });
        return latest;
    }

    /** What the fitter keeps of a block. */
    Factor state(String key) {
        return driver.<String, Factor>getKeyValueStore(StoreNames.FACTORS).get(key);
    }

    void changeState(String key, Consumer<Factor> change) {
        KeyValueStore<String, Factor> store = driver.getKeyValueStore(StoreNames.FACTORS);
        Factor factor = store.get(key);
        change.accept(factor);
        store.put(key, factor);
    }

    /** Lets the counts be further than their repartition topic. */
    void setCounted(long next) {
        driver.<String, Long>getKeyValueStore(StoreNames.COUNTED).put("next", next);
    }

    /** Puts an entry into the store of labelled answers that no check has seen. */
    void putLabelledAnswer(String key, CalibrationAnswer answer) {
        KeyValueStore<String, CalibrationAnswer> store = driver.getKeyValueStore(StoreNames.LABELLED_ANSWERS);
        store.put(key, answer);
    }

    /** What the store of labelled answers holds, by run, checkpoint, fit and question. */
    Map<String, CalibrationAnswer> labelledAnswers() {
        KeyValueStore<String, CalibrationAnswer> store = driver.getKeyValueStore(StoreNames.LABELLED_ANSWERS);
        Map<String, CalibrationAnswer> found = new TreeMap<>();
        try (KeyValueIterator<String, CalibrationAnswer> all = store.all()) {
            all.forEachRemaining(each -> found.put(each.key, each.value));
        }
        return found;
    }

    /** Size of what the store of questions holds for one, in all of its entries, bytes. */
    int storedBytes(String questionId) {
        KeyValueStore<String, QuestionState> store = driver.getKeyValueStore(StoreNames.QUESTIONS);
        int bytes = 0;
        try (KeyValueIterator<String, QuestionState> all = store.all()) {
            while (all.hasNext()) {
                KeyValue<String, QuestionState> each = all.next();
                if ((each.key + '\0').startsWith(questionId + '\0')) {
                    bytes += QuestionState.SERDE.serializer().serialize("", each.value).length;
                }
            }
        }
        return bytes;
    }

    /** Puts into the store of questions what an earlier version left there. */
    void storeQuestion(String questionId, QuestionState state) {
        driver.<String, QuestionState>getKeyValueStore(StoreNames.QUESTIONS).put(questionId, state);
    }

    void label(String questionId, Label label, long timestamp) {
        raw(topics.labels()).pipeInput(bytes(questionId), encode(Label.class, topics.labels(), label), timestamp);
    }

    void sendRaw(byte[] key, byte[] value) {
        raw(topics.statistics()).pipeInput(key, value, time++);
    }

    Map<String, Factor> factors() {
        Map<String, Factor> latest = new LinkedHashMap<>();
        read(topics.factors(), Factor.class).forEach(record -> latest.put(record.key(), record.value()));
        return latest;
    }

    List<byte[]> rawFactors() {
        return driver.createOutputTopic(topics.factors(), new StringDeserializer(), new ByteArrayDeserializer())
                .readValuesToList();
    }

    List<FactorUpdate> updates() {
        return read(topics.factorUpdates(), FactorUpdate.class).stream()
                .map(TestRecord::value)
                .toList();
    }

    List<Posterior> posteriors() {
        return read(topics.posteriors(), Posterior.class).stream()
                .map(TestRecord::value)
                .toList();
    }

    List<TestRecord<byte[], byte[]>> deadLetters() {
        return driver.createOutputTopic(
                        topics.fitterDeadLetters(), new ByteArrayDeserializer(), new ByteArrayDeserializer())
                .readRecordsToList();
    }

    private <T extends SpecificRecord> List<TestRecord<String, T>> read(String topic, Class<T> type) {
        return driver.createOutputTopic(topic, new StringDeserializer(), connection.deserializer(type))
                .readRecordsToList();
    }

    private TestInputTopic<byte[], byte[]> raw(String topic) {
        return driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer());
    }

    <T extends SpecificRecord> byte[] encode(Class<T> type, String topic, T value) {
        return Connection.to("localhost:1", connection.schemaRegistry())
                .serializer(type)
                .serialize(topic, value);
    }

    static byte[] bytes(String key) {
        try (StringSerializer serializer = new StringSerializer()) {
            return serializer.serialize("", key);
        }
    }

    @Override
    public void close() {
        driver.close();
    }
}
