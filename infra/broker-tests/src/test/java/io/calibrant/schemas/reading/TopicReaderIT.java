package io.calibrant.schemas.reading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.calibrant.cluster.Broker;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import io.calibrant.testing.LikeConfluents;
import io.calibrant.testing.NewerSchema;
import io.calibrant.testing.Relay;
import io.calibrant.testing.SharedCluster;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The reader beside a real broker that restarts, and a real registry behind an address that can be made to refuse. */
class TopicReaderIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(100);

    private final List<String> read = new ArrayList<>();
    private final List<String> bad = new ArrayList<>();
    private final List<String> said = new ArrayList<>();
    private Relay relay;

    /** Of who writes: always there. */
    private Connection direct;

    /** Of who reads. */
    private Connection connection;

    @BeforeEach
    void connect() {
        direct = SharedCluster.connection("TopicReaderIT");
        relay = Relay.to(direct.schemaRegistry());
        connection = through(Map.of());
    }

    private Connection through(Map<String, String> properties) {
        return new Connection(direct.bootstrapServers(), relay.url(), direct.topicPrefix(), properties);
    }

    @AfterEach
    void cut() {
        relay.close();
    }

    private TopicReading labels() {
        return TopicReading.of(connection)
                .records(
                        direct.topics().labels(),
                        Label.class,
                        record -> read.add(record.key() + "="
                                + (record.value() == null
                                        ? null
                                        : record.value().getLabel())))
                .badRecords(bad::add);
    }

    private static Label label(String label) {
        return Label.newBuilder().setLabel(label).build();
    }

    private void send(String key, String label) throws Exception {
        try (KafkaProducer<String, Label> producer =
                new KafkaProducer<>(direct.producer(), new StringSerializer(), direct.serializer(Label.class))) {
            producer.send(new ProducerRecord<>(direct.topics().labels(), 0, key, label == null ? null : label(label)))
                    .get();
        }
    }

    private void sendBytes(String key, byte... value) throws Exception {
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(direct.producer(), new StringSerializer(), new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(direct.topics().labels(), 0, key, value))
                    .get();
        }
    }

    @Test
    void shouldReadToThePresentEndAndSayWhatCannotBeRead() throws Exception {
        TopicAdmin.createMissing(direct);
        send("a", "A");
        sendBytes("b", (byte) 7);
        send("a", null);
        try (TopicReader reader = labels().toEnd()) {
            send("late", "D");
            reader.readToEnd();
        }
        assertThat(read).containsExactly("a=A", "a=null");
        assertThat(bad).hasSize(1).first().asString().contains(direct.topics().labels() + "-0 at offset 1: ");
        assertThat(TopicReading.of(connection).latest(direct.topics().labels(), Label.class))
                .containsOnlyKeys("late");
        assertThat(TopicReading.of(connection).newest(direct.topics().labels(), "a"))
                .isEmpty();
    }

    void shouldTellHowFarAGroupIsBehind() throws Exception {
        TopicAdmin.createMissing(direct);
        String labels = direct.topics().labels();
        String group = direct.topicPrefix() + "behind";
        send("a", "A");
        send("b", "B");
        send("c", "C");
        try (GroupLag lag = new GroupLag(connection, group, List.of(labels, "no-such-topic"));
                Admin admin = Admin.create(direct.admin())) {
            assertThat(lag.byTopic(PATIENCE))
                    .isEqualTo(Map.of(labels, new GroupPlace(3, 0, Duration.ZERO))); // it has read nothing yet
            admin.alterConsumerGroupOffsets(group, Map.of(new TopicPartition(labels, 0), new OffsetAndMetadata(2)))
                    .all()
                    .get();
            assertThat(lag.byTopic(PATIENCE)).isEqualTo(Map.of(labels, new GroupPlace(1, 2, Duration.ZERO)));
            send("d", "D");
            assertThat(lag.byTopic(PATIENCE)).isEqualTo(Map.of(labels, new GroupPlace(2, 2, Duration.ZERO)));
        }
        Connection nobody = new Connection("127.0.0.1:1", relay.url(), direct.topicPrefix(), Map.of());
        try (GroupLag unknown = new GroupLag(nobody, group, List.of(labels))) {
            assertThat(unknown.byTopic(Duration.ofMillis(200))).isEmpty();
        }
    }

    /**
     * Markers and what was aborted wait for nobody; an open transaction hides what is behind it, and is seen itself.
     */
    @Test
    void shouldCountNothingThatNobodyCanRead() throws Exception {
        TopicAdmin.createMissing(direct);
        String labels = direct.topics().labels();
        TopicPartition partition = new TopicPartition(labels, 0);
        send("a", "A"); // offset 0
        Map<String, Object> configs = new HashMap<>(direct.producer());
        configs.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, direct.topicPrefix() + "behind");
        try (KafkaProducer<byte[], byte[]> producer =
                        new KafkaProducer<>(configs, new ByteArraySerializer(), new ByteArraySerializer());
                GroupLag lag = new GroupLag(connection, direct.topicPrefix() + "aborted", List.of(labels));
                Admin admin = Admin.create(direct.admin())) {
            producer.initTransactions();
            transact(producer, labels);
            producer.abortTransaction(); // offsets 1 and 2
            // the broker says that it is aborted before its marker is written
            await().atMost(PATIENCE)
                    .until(() -> admin.listOffsets(
                                            Map.of(partition, OffsetSpec.latest()),
                                            new ListOffsetsOptions(IsolationLevel.READ_COMMITTED))
                                    .partitionResult(partition)
                                    .get()
                                    .offset()
                            == 3);
            admin.alterConsumerGroupOffsets(lag.group(), Map.of(partition, new OffsetAndMetadata(1)))
                    .all()
                    .get();
            assertThat(lag.byTopic(PATIENCE)).isEqualTo(Map.of(labels, new GroupPlace(2, 1, Duration.ZERO)));
            for (int look = 0; look < 2; look++) {
                assertThat(lag.byTopic(PATIENCE))
                        .as("the group stands")
                        .isEqualTo(Map.of(labels, new GroupPlace(0, 1, Duration.ZERO)));
            }

            transact(producer, labels); // offset 3, which nobody knows yet whether it counts
            send("b", "B"); // offset 4
            assertThat(lag.byTopic(PATIENCE).get(labels).behind()).isZero();
            await().atMost(PATIENCE)
                    .until(() -> lag.byTopic(PATIENCE).get(labels).heldUp().toMillis() > 200);
            producer.commitTransaction(); // offset 5
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(lag.byTopic(PATIENCE))
                            .isEqualTo(Map.of(labels, new GroupPlace(3, 1, Duration.ZERO))));

            // the topic forgets what the group has not read
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4)))
                    .all()
                    .get();
            assertThat(lag.byTopic(PATIENCE))
                    .as("it has read before all the same")
                    .isEqualTo(Map.of(labels, new GroupPlace(2, 1, Duration.ZERO)));
        }
    }

    private static void transact(KafkaProducer<byte[], byte[]> producer, String topic) throws Exception {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, 0, new byte[] {1}, new byte[] {1}))
                .get();
    }

    @Test
    void shouldBeginWithWhatIsWrittenFromNowOn() throws Exception {
        TopicAdmin.createMissing(direct);
        send("a", "A");
        try (TopicReader reader = labels().fromNow().follow()) {
            send("b", "B"); // after it was opened, before its first poll
            await().atMost(PATIENCE).until(() -> {
                reader.poll(POLL);
                return !read.isEmpty();
            });
        }
        assertThat(read).containsExactly("b=B");
    }

    @Test
    void shouldRefuseTopicsThatAreMissingOrAwaitThem() throws Exception {
        assertThatThrownBy(() -> labels().toEnd())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("topic " + direct.topics().labels() + " missing: create with 'calibrant topics --apply'");
        assertThatThrownBy(() -> labels().follow()).isInstanceOf(IllegalStateException.class);
        try (TopicReader reader =
                labels().awaitingTopics().throughOutages(said::add).follow()) {
            assertThat(reader.hasReachedTheEnd()).isFalse(); // nobody has said yet that there is nothing
            await().atMost(PATIENCE).until(() -> {
                reader.poll(POLL);
                return reader.hasReachedTheEnd();
            });
            assertThat(reader.missing()).containsExactly(direct.topics().labels());
            TopicAdmin.createMissing(direct);
            send("a", "A");
            await().atMost(PATIENCE).until(() -> {
                reader.poll(POLL);
                return !read.isEmpty();
            });
            assertThat(reader.missing()).isEmpty();
        }
        assertThat(read).containsExactly("a=A");
        assertThat(said).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"ours", "like Confluent's"})
    void shouldKeepItsPlaceWhileTheRegistryIsAway(String deserializer) throws Exception {
        if (!deserializer.equals("ours")) {
            connection = through(Map.of(Connection.DESERIALIZER, LikeConfluents.class.getName()));
        }
        TopicAdmin.createMissing(direct);
        send("a", "A");
        sendBytes("b", (byte) 7);
        try (TopicReader reader = labels().throughOutages(said::add).follow()) {
            relay.cut();
            long end = System.nanoTime() + Duration.ofSeconds(3).toNanos();
            while (System.nanoTime() < end) {
                assertThat(reader.poll(POLL)).isZero();
            }
            assertThat(said).hasSize(1).first().asString().contains(relay.url()).endsWith("; waiting for it");
            assertThat(reader.problem()).contains(relay.url());
            assertThat(reader.hasReachedTheEnd()).isFalse();
            relay.restore();
            await().atMost(PATIENCE).until(() -> {
                reader.poll(POLL);
                return reader.hasReachedTheEnd();
            });
            assertThat(reader.problem()).isEmpty();
        }
        assertThat(read).containsExactly("a=A");
        assertThat(bad).hasSize(1);
        assertThat(said).hasSize(2).last().asString().isEqualTo("registry " + relay.url() + " answers again");
    }

    @ParameterizedTest
    @ValueSource(strings = {"ours", "like Confluent's"})
    void shouldThrowWhereOutagesAreNotWaitedForAndGiveTheRecordAgain(String deserializer) throws Exception {
        if (!deserializer.equals("ours")) {
            connection = through(Map.of(Connection.DESERIALIZER, LikeConfluents.class.getName()));
        }
        TopicAdmin.createMissing(direct);
        send("a", "A");
        relay.cut();
        try (TopicReader reader = labels().toEnd()) {
            assertThatThrownBy(reader::readToEnd)
                    .isInstanceOf(RegistryUnavailableException.class)
                    .hasMessageContaining(relay.url());
            relay.restore();
            reader.readToEnd();
        }
        assertThat(read).containsExactly("a=A");
    }

    @Test
    void shouldReadToTheEndThroughAnOutage() throws Exception {
        TopicAdmin.createMissing(direct);
        send("a", "A");
        relay.cut();
        List<String> lines = new CopyOnWriteArrayList<>();
        TopicReading reading = labels().throughOutages(lines::add);
        CompletableFuture<Void> whole = CompletableFuture.runAsync(reading::readToEnd);
        await().atMost(PATIENCE).until(() -> !lines.isEmpty());
        assertThat(whole).isNotDone();
        relay.restore();
        whole.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        assertThat(read).containsExactly("a=A");
        assertThat(lines).hasSize(2);
    }

    @Test
    void shouldOutliveABrokerThatRestarts(@TempDir Path dir) throws Exception {
        Broker broker = Broker.start(dir, 0);
        try {
            direct = Connection.to(broker.bootstrapServers(), "mock://restarts");
            connection = direct;
            TopicAdmin.createMissing(direct);
            send("a", "A");
            try (TopicReader reader = labels().throughOutages(said::add).follow()) {
                await().atMost(PATIENCE).until(() -> {
                    reader.poll(POLL);
                    return reader.hasReachedTheEnd();
                });
                broker.close();
                await().atMost(PATIENCE).until(() -> {
                    assertThat(reader.poll(POLL)).isZero();
                    return !said.isEmpty();
                });
                assertThat(reader.problem()).isEqualTo("Kafka at " + direct.bootstrapServers() + " does not answer");
                broker = Broker.start(
                        dir, URI.create("tcp://" + direct.bootstrapServers()).getPort());
                send("b", "B");
                await().atMost(PATIENCE).until(() -> {
                    reader.poll(POLL);
                    return read.size() > 1;
                });
            }
        } finally {
            broker.close();
        }
        assertThat(read).containsExactly("a=A", "b=B");
        assertThat(said)
                .containsExactly(
                        "Kafka at " + direct.bootstrapServers() + " does not answer; waiting for it",
                        "Kafka at " + direct.bootstrapServers() + " answers again");
    }

    @Test
    void shouldReadWhatAProducerOfALaterVersionSends() throws Exception {
        TopicAdmin.createMissing(direct);
        NewerSchema.send(direct, direct.topics().labels(), "a", Label.class, label("A"), "later");
        labels().readToEnd();
        assertThat(read).containsExactly("a=A");
    }
}
