package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.calibrant.cluster.Broker;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.TrainingTexts;
import io.calibrant.schemas.avro.Run;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.PromptForm;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a publisher does when its producer is of no use any more, on a real broker. */
class PublisherRetryIT {
    private static final String ID = "retry";
    private static final Duration TIMEOUT = Duration.ofSeconds(1);

    @TempDir
    static Path directory;

    private static Broker broker;

    private final List<Held> producers = new ArrayList<>();

    @BeforeAll
    static void start() {
        broker = Broker.start(directory, 0);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    /** A producer that, where told, holds its transaction until the broker has ended it. */
    private static final class Held extends KafkaProducer<String, byte[]> {
        private final Connection connection;
        private boolean hold;

        Held(Map<String, Object> configs, Connection connection) {
            super(configs, new StringSerializer(), new ByteArraySerializer());
            this.connection = connection;
        }

        @Override
        public void commitTransaction() {
            if (hold) {
                flush(); // its records are at the broker, in a transaction that will not be committed
                try (Admin admin = Admin.create(connection.admin())) {
                    await().atMost(Duration.ofMinutes(1))
                            .until(() -> admin.describeTransactions(List.of(ID))
                                            .description(ID)
                                            .get()
                                            .state()
                                    == TransactionState.COMPLETE_ABORT);
                }
            }
            super.commitTransaction();
        }
    }

    @Test
    void shouldSendAgainByANewProducerWhatTheBrokerHasEnded() {
        Connection connection = new Connection(broker.bootstrapServers(), "mock://publisher-retry", "again.", Map.of());
        TopicAdmin.createMissing(connection);
        TransactionalSender sender = sender(connection, TIMEOUT);
        try (Publisher publisher = publisher(sender, connection)) {
            producers.get(0).hold = true;

            publisher.run();

            assertThat(producers).as("the fenced producer, and a new one").hasSize(2);
            assertThat(sender.trouble()).isEmpty();
            // A commit is decided before its markers are on the partitions.
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(CommittedRecords.of(
                                    connection, connection.topics().runs(), Run.class))
                            .as("the ended transaction's record is seen by nobody, the new one's once")
                            .hasSize(1));
            publisher.run();
            assertThat(producers).as("the new one is kept").hasSize(2);
        }
    }

    @Test
    void shouldStopWhereTheFenceCannotBeTheBrokersOwn() {
        Connection connection = new Connection(broker.bootstrapServers(), "mock://publisher-retry", "other.", Map.of());
        TopicAdmin.createMissing(connection);
        try (Publisher publisher = publisher(sender(connection, Duration.ofMinutes(1)), connection);
                Publisher other = publisher(sender(connection, Duration.ofMinutes(1)), connection)) {
            assertThatThrownBy(publisher::run)
                    .isInstanceOf(PublishingException.class)
                    .hasMessage("another process has started to publish shard 0/1 of run 'r': this one stops");

            other.run();
            assertThat(producers).as("nobody has opened another one").hasSize(2);
            // A commit is decided before its markers are on the partitions.
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(CommittedRecords.of(
                                    connection, connection.topics().runs(), Run.class))
                            .hasSize(1));
        }
    }

    private static Publisher publisher(TransactionalSender sender, Connection connection) {
        return new Publisher(sender, connection, run(), new Records.Source("0/1", 0, RowType.F32));
    }

    private TransactionalSender sender(Connection connection, Duration timeout) {
        Map<String, Object> configs = connection.producer();
        configs.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, ID);
        configs.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, Long.toString(timeout.toMillis()));
        return new TransactionalSender(
                () -> open(configs, connection), connection.bootstrapServers(), "r", "0/1", timeout, Object::toString);
    }

    private Producer<String, byte[]> open(Map<String, Object> configs, Connection connection) {
        Held producer = new Held(configs, connection);
        producers.add(producer);
        producer.initTransactions();
        return producer;
    }

    private static RunDescription run() {
        ModelConfig config = ModelConfig.llama(new ModelSizes(64, 32, 1, 2, 2, 16, 64, 64), true);
        ClassTokens classes = new ClassTokens(List.of(new ClassToken("A", 3), new ClassToken("B", 4)));
        return new RunDescription(
                "r",
                "model",
                "sha256:0",
                Adapter.initialise(
                        config, new LoraSettings(2, 4, 0, false, LoraTargets.of("q_proj")), classes.ids(), 0),
                classes,
                PromptForm.PAPER,
                64,
                KfacApproximation.EXPAND,
                FisherType.EXACT,
                2,
                8,
                0,
                Map.of(),
                TrainingTexts.of(List.of()),
                0);
    }
}
