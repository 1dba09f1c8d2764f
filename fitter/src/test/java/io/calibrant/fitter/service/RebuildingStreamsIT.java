package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.cluster.Broker;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a stream thread that fails, by what it fails with. */
class RebuildingStreamsIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    private static Path dir;

    private static Broker broker;

    private final AtomicReference<RuntimeException> nextFailure = new AtomicReference<>();
    private final List<String> processed = new CopyOnWriteArrayList<>();
    private final List<String> threads = new CopyOnWriteArrayList<>();
    private final List<KafkaStreams> made = new ArrayList<>();
    private final Heard heard = new Heard();

    @BeforeAll
    static void start() {
        broker = Broker.start(dir.resolve("broker"), 0);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    @Test
    void shouldReplaceAThreadWhoseTransactionIsOverAndDoItsWorkAgain(TestInfo test) throws Exception {
        try (RebuildingStreams streams = streams(name(test))) {
            streams.start();
            send(name(test), "before");
            await().atMost(PATIENCE).until(() -> processed.contains("before"));

            nextFailure.set(new InvalidTxnStateException("the broker has ended it"));
            send(name(test), "during");
            await().atMost(PATIENCE).until(() -> processed.contains("during") || heard.failure != null);

            assertThat(heard.failure).isNull();
            assertThat(nextFailure).hasValue(null); // it has been thrown
            assertThat(new HashSet<>(threads)).hasSize(2);
            assertThat(made).hasSize(1); // nothing is wrong with the state
        }
        assertThat(heard.failure).isNull();
    }

    @Test
    void shouldEndWithAnyOtherFailure(TestInfo test) throws Exception {
        try (RebuildingStreams streams = streams(name(test))) {
            streams.start();
            send(name(test), "before");
            await().atMost(PATIENCE).until(() -> processed.contains("before"));

            nextFailure.set(new RecordTooLargeException("too large"));
            send(name(test), "during");
            await().atMost(PATIENCE).until(() -> made.get(0).state() == KafkaStreams.State.ERROR);

            assertThat(heard.failure).rootCause().hasMessage("too large");
            assertThat(processed).doesNotContain("during");
            assertThat(made).hasSize(1);
        }
    }

    private RebuildingStreams streams(String name) throws Exception {
        Connection connection = new Connection(broker.bootstrapServers(), "http://127.0.0.1:1", name + "-", Map.of());
        Properties configs = StreamsConfigs.of(connection, FitterSettings.defaults(), dir.resolve(name));
        configs.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1); // a second one would take the work over
        try (Admin admin = Admin.create(connection.admin())) {
            admin.createTopics(List.of(new NewTopic(name, Optional.of(1), Optional.empty())))
                    .all()
                    .get();
        }
        return new RebuildingStreams(
                () -> {
                    Topology topology = new Topology();
                    topology.addSource(
                            "source",
                            Serdes.String().deserializer(),
                            Serdes.String().deserializer(),
                            name);
                    topology.addProcessor("processor", Failing::new, "source");
                    KafkaStreams streams = new KafkaStreams(topology, configs);
                    made.add(streams);
                    return streams;
                },
                dir.resolve(name),
                heard);
    }

    private static String name(TestInfo test) {
        return test.getTestMethod().orElseThrow().getName();
    }

    private static void send(String topic, String value) throws Exception {
        Properties configs = new Properties();
        configs.put("bootstrap.servers", broker.bootstrapServers());
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(configs, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(topic, value)).get();
        }
    }

    /** Fails once with what it is told to. */
    private final class Failing extends ContextualProcessor<String, String, Void, Void> {
        @Override
        public void process(Record<String, String> record) {
            threads.add(Thread.currentThread().getName());
            RuntimeException failure = nextFailure.getAndSet(null);
            if (failure != null) {
                throw failure;
            }
            processed.add(record.value());
        }
    }

    private static final class Heard implements RebuildingStreams.Listener {
        private volatile Throwable failure;

        @Override
        public void running(KafkaStreams streams) {}

        @Override
        public void failed(Throwable what) {
            failure = failure == null ? what : failure; // the first says why
        }

        @Override
        public void closed() {}
    }
}
