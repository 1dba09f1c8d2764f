package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.OversizedRecord;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is retried and what is not; Kafka's own producer for tests shows transactions without a broker. */
@Timeout(60)
class TransactionalSenderTest {
    private static final Connection CONNECTION = new Connection("127.0.0.1:9", "mock://sender-test", "x.", Map.of());
    /** No transaction is open for as long. */
    private static final Duration LONG = Duration.ofMinutes(1);
    /** Every transaction is open for longer: a fence may be the broker's own. */
    private static final Duration NONE = Duration.ZERO;

    private final List<MockProducer<String, byte[]>> producers = new ArrayList<>();
    private final List<RuntimeException> openFailures = new ArrayList<>();

    @Test
    void shouldCommitTheRecordsOfATransactionTogether() {
        try (TransactionalSender sender = sender(LONG)) {
            sender.send(TransactionalSenderTest::twoRecords);

            assertThat(producers).hasSize(1);
            assertThat(producers.get(0).commitCount()).isEqualTo(1);
            assertThat(producers.get(0).history())
                    .extracting(ProducerRecord::topic, ProducerRecord::key)
                    .containsExactly(tuple("t", "a"), tuple("u", "b"));
            assertThat(sender.trouble()).isEmpty();
        }
    }

    @Test
    void shouldAskAgainForACommitThatTimedOut() {
        TransactionalSender sender = sender(LONG);
        producers.get(0).commitTransactionException = new TimeoutException("gone");
        CompletableFuture<Void> sending =
                CompletableFuture.runAsync(() -> sender.send(TransactionalSenderTest::twoRecords));
        untilTroubled(sender);
        assertThat(sending).isNotDone();
        assertThat(sender.trouble()).contains("gone");

        producers.get(0).commitTransactionException = null;
        sending.orTimeout(30, TimeUnit.SECONDS).join();

        assertThat(sender.trouble()).isEmpty();
        assertThat(producers).as("the same producer").hasSize(1);
        assertThat(producers.get(0).history()).hasSize(2);
    }

    @Test
    void shouldSendATransactionAgainByANewProducerWhereTheRegistryIsAway() {
        AtomicInteger asked = new AtomicInteger();
        try (TransactionalSender sender = sender(LONG)) {
            sender.send(transaction -> {
                transaction.send("t", "a", new byte[1]);
                if (asked.incrementAndGet() < 3) {
                    throw new RegistryUnavailableException("registry http://r does not answer");
                }
                transaction.send("u", "b", new byte[1]);
            });

            assertThat(asked).hasValue(3);
            assertThat(producers).hasSize(3);
            assertThat(producers.get(0).history()).as("half a transaction").isEmpty();
            assertThat(producers.get(0).closed()).isTrue();
            assertThat(producers.get(2).history()).hasSize(2);
            assertThat(producers.get(2).commitCount()).isEqualTo(1);
            assertThat(sender.trouble()).isEmpty();
        }
    }

    @Test
    void shouldStopWhereAnotherProcessHasTakenOver() {
        try (TransactionalSender sender = sender(LONG)) {
            producers.get(0).fenceProducer();

            assertThatThrownBy(() -> sender.send(TransactionalSenderTest::twoRecords))
                    .isInstanceOf(PublishingException.class)
                    .hasCauseInstanceOf(ProducerFencedException.class)
                    .hasMessage("another process has started to publish shard 1/2 of run 'r1': this one stops");
            assertThat(producers).hasSize(1);
        }
    }

    @Test
    void shouldSendAgainWhereTheBrokerItselfMayHaveFencedATransactionForItsAge() {
        try (TransactionalSender sender = sender(NONE)) {
            producers.get(0).fenceProducer();

            sender.send(TransactionalSenderTest::twoRecords);

            assertThat(producers).hasSize(2);
            assertThat(producers.get(1).history()).hasSize(2);
        }
    }

    @Test
    void shouldWaitForABrokerThatLetsNoNewProducerIn() {
        try (TransactionalSender sender = sender(NONE)) {
            producers.get(0).fenceProducer();
            openFailures.add(new TimeoutException("no broker"));
            openFailures.add(new TimeoutException("still no broker"));

            sender.send(TransactionalSenderTest::twoRecords);

            assertThat(openFailures).isEmpty();
            assertThat(producers.get(1).history()).hasSize(2);
        }
    }

    @Test
    void shouldStopWhereNoNewProducerMayBeOpened() {
        try (TransactionalSender sender = sender(NONE)) {
            producers.get(0).fenceProducer();
            openFailures.add(new TopicAuthorizationException("no permission"));

            assertThatThrownBy(() -> sender.send(TransactionalSenderTest::twoRecords))
                    .isInstanceOf(PublishingException.class)
                    .hasMessage("no transaction of run 'r1' can be opened again: no permission");
        }
    }

    @Test
    void shouldAbortAndStopWhereRetryingCannotHelp() {
        try (TransactionalSender sender = sender(LONG)) {
            producers.get(0).commitTransactionException = new TopicAuthorizationException("no permission");

            assertThatThrownBy(() -> sender.send(TransactionalSenderTest::twoRecords))
                    .isInstanceOf(PublishingException.class)
                    .hasMessage("records of run 'r1' cannot be sent: no permission");
            assertThat(producers.get(0).transactionAborted()).isTrue();
            assertThat(producers.get(0).history()).isEmpty();
        }
    }

    /** Kafka's own words name neither topic nor size nor limit. */
    @Test
    void shouldNameTheRecordThatIsTooLargeForItsTopicAndWhatMakesItSmaller() {
        String topic = CONNECTION.topics().statistics();
        MockProducer<String, byte[]> producer =
                new MockProducer<>(Cluster.empty(), false, null, new StringSerializer(), new ByteArraySerializer());
        producer.initTransactions();
        producer.commitTransactionException = new KafkaException("in an error state");
        try (TransactionalSender sender =
                new TransactionalSender(() -> producer, "b:1", "r1", "1/2", LONG, TransactionalSenderTest::refusal)) {
            assertThatThrownBy(() -> sender.send(transaction -> {
                        transaction.send(topic, "r1/step-0/b", new byte[20]);
                        producer.errorNext(new RecordTooLargeException("larger than the max"));
                    }))
                    .isInstanceOf(PublishingException.class)
                    .hasMessage("record 'r1/step-0/b' of 31 bytes is too large for topic x.statistics,"
                            + " max.message.bytes 7: use a smaller --rank, --batch-size or --batches-per-record, or"
                            + " --statistics-dtype BF16, or raise max.message.bytes of the topic");
            assertThat(producer.transactionAborted()).isTrue();
        }
    }

    @Test
    void shouldAbortWhatItsCallerFailsToGive() {
        try (TransactionalSender sender = sender(LONG)) {
            assertThatThrownBy(() -> sender.send(transaction -> {
                        transaction.send("t", "a", new byte[1]);
                        throw new PublishingException("too large", null);
                    }))
                    .isInstanceOf(PublishingException.class)
                    .hasMessage("too large");
            assertThat(producers.get(0).transactionAborted()).isTrue();
            assertThat(producers.get(0).history()).isEmpty();

            sender.send(TransactionalSenderTest::twoRecords);
            assertThat(producers.get(0).history()).as("the next one is sent").hasSize(2);
        }
    }

    @Test
    void shouldStopRetryingOnceItIsGivenUp() {
        for (RuntimeException away :
                List.of(new TimeoutException("no broker"), new RegistryUnavailableException("no registry"))) {
            TransactionalSender sender = sender(LONG);
            CompletableFuture<Void> sending = CompletableFuture.runAsync(() -> sender.send(transaction -> {
                throw away;
            }));
            untilTroubled(sender);
            assertThat(sending).isNotDone();

            sender.giveUp();

            assertThatThrownBy(() -> sending.orTimeout(30, TimeUnit.SECONDS).join())
                    .hasCauseInstanceOf(PublishingException.class)
                    .hasMessageContaining("records of run 'r1' are not sent: stopped while the broker did not answer: "
                            + away.getMessage());
        }
    }

    @Test
    void shouldSendInLargeBatchesUnlessAnotherSizeIsAskedFor() {
        Connection asked = new Connection("127.0.0.1:9", "mock://sender-test", "x.", Map.of("batch.size", "16384"));

        assertThat(TransactionalSender.configs(CONNECTION, "r1", "0/1")).containsEntry("batch.size", "1048576");
        assertThat(TransactionalSender.configs(asked, "r1", "0/1")).containsEntry("batch.size", "16384");
    }

    @Test
    void shouldGiveEveryShardATransactionalIdOfItsOwn() {
        assertThat(TransactionalSender.transactionalId(CONNECTION, "r1", "1/2"))
                .isEqualTo("x.calibrant-trainer-r1-1-of-2");
    }

    private static void untilTroubled(TransactionalSender sender) {
        while (sender.trouble().isEmpty()) {
            Thread.onSpinWait();
        }
    }

    private static void twoRecords(TransactionalSender.Transaction transaction) {
        transaction.send("t", "a", new byte[1]);
        transaction.send("u", "b", new byte[1]);
    }

    private static String refusal(OversizedRecord record) {
        return record.message(OptionalLong.of(7), TransactionalSender.smaller(CONNECTION.topics(), record.topic()));
    }

    private TransactionalSender sender(Duration transactionTimeout) {
        producers.clear();
        return new TransactionalSender(
                this::open, "b:1", "r1", "1/2", transactionTimeout, TransactionalSenderTest::refusal);
    }

    private Producer<String, byte[]> open() {
        if (!openFailures.isEmpty()) {
            throw openFailures.remove(0);
        }
        MockProducer<String, byte[]> producer =
                new MockProducer<>(Cluster.empty(), true, null, new StringSerializer(), new ByteArraySerializer());
        producer.initTransactions();
        producers.add(producer);
        return producer;
    }
}
