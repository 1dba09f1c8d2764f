package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.infra.documents.Page;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.NewerSchema;
import io.calibrant.testing.SharedCluster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificRecord;
import org.apache.avro.util.RandomData;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Fault row 11: services of two versions work together while they are upgraded one by one, in both orders, through the
 * real registry.
 */
class RollingSchemasDistIT extends OnOneCluster {
    private static final Path HISTORY = Page.ROOT.resolve("schemas/src/test/resources/history");
    private static final int HEADER = 5;
    private static final List<Class<? extends SpecificRecord>> TYPES = List.of(
            Run.class,
            AdapterBlock.class,
            Progress.class,
            Statistics.class,
            FactorUpdate.class,
            Factor.class,
            Posterior.class,
            Fit.class,
            Question.class,
            Answer.class,
            Label.class,
            PredictiveStatistics.class,
            CalibrationMetrics.class);

    @TempDir
    private Path dir;

    /** What either version writes the other reads, whichever the registry has heard of first. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldReadWhatEveryOtherVersionWritesAndBeReadByIt(boolean newestFirst) throws Exception {
        int read = 0;
        for (Class<? extends SpecificRecord> type : TYPES) {
            List<Schema> versions = versions(type);
            List<Schema> order = new ArrayList<>(versions);
            if (newestFirst) {
                Collections.reverse(order);
            }
            String topic = connection.topicPrefix() + type.getSimpleName();
            for (Schema version : order) {
                connection.registry().register(topic + "-value", version);
            }
            for (Schema version : versions) {
                readTheirs(topic, type, version);
                beReadBy(topic, type, version);
                read++;
            }
        }
        assertThat(read).isGreaterThan(TYPES.size() + 20);
    }

    private <V extends SpecificRecord> void readTheirs(String topic, Class<V> type, Schema theirs) throws Exception {
        Schema ours = SpecificData.get().getSchema(type);
        byte[] body = random(theirs);
        int id = connection.registry().lookUp(topic + "-value", theirs);
        try (Deserializer<V> reading = connection.deserializer(type);
                Serializer<V> writing = connection.serializer(type)) {
            V value = reading.deserialize(topic, wire(id, body));
            assertThat(generic(ours, ours, body(writing.serialize(topic, value))))
                    .as("%s of an earlier version", type.getSimpleName())
                    .isEqualTo(generic(theirs, ours, body));
        }
    }

    private <V extends SpecificRecord> void beReadBy(String topic, Class<V> type, Schema theirs) throws Exception {
        Schema ours = SpecificData.get().getSchema(type);
        byte[] body = random(ours);
        try (Deserializer<V> reading = connection.deserializer(type);
                Serializer<V> writing = connection.serializer(type)) {
            V value = reading.deserialize(topic, wire(connection.registry().lookUp(topic + "-value", ours), body));
            ByteBuffer written = ByteBuffer.wrap(writing.serialize(topic, value));
            Schema writer = connection.registry().byId(written.getInt(1)); // as they would ask
            GenericRecord seen = generic(writer, theirs, body(written.array()));
            GenericRecord all = generic(ours, ours, body);
            for (Schema.Field field : theirs.getFields()) {
                Schema.Field now = ours.getField(field.name());
                if (now != null && now.schema().equals(field.schema())) {
                    assertThat(seen.get(field.name())).as(field.name()).isEqualTo(all.get(field.name()));
                }
            }
        }
    }

    /** A fit's factors are those of its statistics, to the byte, whichever version of a trainer has sent them. */
    @Test
    void shouldFoldTheSameWhateverVersionOfATrainerSends() throws Exception {
        DemoFiles files = DemoFiles.unpack(dir);
        Path few = Files.write(
                dir.resolve("few.jsonl"), Files.readAllLines(files.questions()).subList(0, 12));
        TopicAdmin.createMissing(connection);
        Ran trained = Ran.calibrant(
                environment(),
                ("train --run r1 --steps 1 --validation none --statistics-every 0 --model " + files.model()
                                + " --questions " + few)
                        .split(" "));
        assertThat(trained.code()).as(trained.err()).isZero();

        Connection earlier = SharedCluster.connection("earlier");
        Connection later = SharedCluster.connection("later");
        TopicAdmin.createMissing(earlier);
        TopicAdmin.createMissing(later);
        Schema oldRun = versions(Run.class).get(versions(Run.class).size() - 2);
        List<ConsumerRecord<String, Run>> runs =
                CommittedRecords.of(connection, connection.topics().runs(), Run.class);
        List<ConsumerRecord<String, Statistics>> statistics =
                CommittedRecords.of(connection, connection.topics().statistics(), Statistics.class);
        assertThat(statistics).hasSizeGreaterThan(20);
        // The earlier one knows no inputs, and sends none.
        assertThat(oldRun.getField("inputs")).isNull();
        List<String> inputs =
                runs.get(0).value().getInputs().stream().map(Block::getName).toList();
        assertThat(inputs).isNotEmpty();
        for (ConsumerRecord<String, Run> each : runs) {
            sendOld(earlier, earlier.topics().runs(), each.key(), Run.class, each.value(), oldRun);
            NewerSchema.send(later, later.topics().runs(), each.key(), Run.class, each.value(), "later");
        }
        for (ConsumerRecord<String, Statistics> each : statistics) {
            Schema last =
                    versions(Statistics.class).get(versions(Statistics.class).size() - 1);
            if (!inputs.contains(each.value().getBlock())) {
                sendOld(earlier, earlier.topics().statistics(), each.key(), Statistics.class, each.value(), last);
            }
            NewerSchema.send(later, later.topics().statistics(), each.key(), Statistics.class, each.value(), "later");
        }

        Map<String, List<ByteBuffer>> expected = folded(connection);
        assertThat(expected).hasSizeGreaterThan(10);
        assertThat(folded(later)).isEqualTo(expected);
        expected.keySet().removeIf(key -> inputs.stream().anyMatch(input -> key.contains("/" + input + "/")));
        assertThat(folded(earlier)).isEqualTo(expected);
        for (Connection each : List.of(connection, earlier, later)) {
            assertThat(CommittedRecords.raw(each, each.topics().fitterDeadLetters()))
                    .isEmpty();
        }
    }

    /** The factors of a complete fit: the numbers of each block. */
    private Map<String, List<ByteBuffer>> folded(Connection on) {
        FitterSettings settings = FitterSettings.defaults().withStateDir(dir.resolve("state-" + on.topicPrefix()));
        try (Fitter fitter = new Fitter(on, settings, posterior -> {})) {
            fitter.start();
            await().atMost(60, TimeUnit.SECONDS)
                    .until(() ->
                            TopicReader.latest(on, on.topics().posteriors(), Posterior.class, line -> {})
                                    .values()
                                    .stream()
                                    .anyMatch(each -> each.getState() == PosteriorState.COMPLETE));
        }
        Map<String, List<ByteBuffer>> numbers = new TreeMap<>();
        TopicReader.latest(on, on.topics().factors(), Factor.class, line -> {})
                .forEach((key, factor) -> numbers.put(
                        key,
                        List.of(factor.getLarge().getData(), factor.getSmall().getData())));
        return numbers;
    }

    private <V extends SpecificRecord> void sendOld(
            Connection to, String topic, String key, Class<V> type, V value, Schema theirs) throws Exception {
        int id = to.registry().register(topic + "-value", theirs);
        byte[] ours;
        try (Serializer<V> writing = connection.serializer(type)) {
            ours = body(writing.serialize(connection.topicPrefix() + type.getSimpleName(), value));
        }
        byte[] bytes = wire(id, written(theirs, generic(value.getSchema(), theirs, ours)));
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(to.producer(), new StringSerializer(), new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(topic, key, bytes)).get();
        }
    }

    /** Every version that was ever released, the oldest first, and ours. */
    private static List<Schema> versions(Class<? extends SpecificRecord> type) throws IOException {
        List<Schema> schemas = new ArrayList<>();
        for (int version = 1; Files.isDirectory(HISTORY.resolve("v" + version)); version++) {
            Path file = HISTORY.resolve("v" + version).resolve(type.getSimpleName() + ".avsc");
            if (Files.exists(file)) {
                schemas.add(new Schema.Parser().parse(Files.readString(file)));
            }
        }
        Schema ours = SpecificData.get().getSchema(type);
        schemas.removeIf(ours::equals); // but for its texts
        schemas.add(ours);
        return schemas;
    }

    private static byte[] random(Schema schema) throws IOException {
        return written(
                schema, (GenericRecord) new RandomData(schema, 1, 7L).iterator().next());
    }

    private static byte[] written(Schema schema, GenericRecord record) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<GenericRecord>(schema).write(record, encoder);
        encoder.flush();
        return out.toByteArray();
    }

    private static GenericRecord generic(Schema writer, Schema reader, byte[] body) throws IOException {
        return new GenericDatumReader<GenericRecord>(writer, reader)
                .read(null, DecoderFactory.get().binaryDecoder(body, null));
    }

    private static byte[] wire(int id, byte[] body) {
        return ByteBuffer.allocate(HEADER + body.length)
                .put((byte) 0)
                .putInt(id)
                .put(body)
                .array();
    }

    private static byte[] body(byte[] wire) {
        return Arrays.copyOfRange(wire, HEADER, wire.length);
    }
}
