package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;

/** With Kafka's own clients for tests; ScorerFaultIT has the same with processes that are killed. */
class ExactlyOnceTest {
    private static final TopicPartition ZERO = new TopicPartition("questions", 0);
    private static final TopicPartition ONE = new TopicPartition("questions", 1);
    private static final List<ProducerRecord<byte[], byte[]>> OUT =
            List.of(new ProducerRecord<>("answers", new byte[] {1}), new ProducerRecord<>("answers", new byte[] {2}));
    private static final Map<TopicPartition, OffsetAndMetadata> OFFSETS = Map.of(ZERO, new OffsetAndMetadata(5));

    private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");
    private final List<MockProducer<byte[], byte[]>> producers = new ArrayList<>();
    private final ExactlyOnce delivery = new ExactlyOnce(
            consumer,
            () -> {
                MockProducer<byte[], byte[]> producer =
                        new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
                producers.add(producer);
                return producer;
            },
            Object::toString,
            ScorerListener.SILENT);

    ExactlyOnceTest() {
        consumer.assign(List.of(ZERO, ONE));
        consumer.updateBeginningOffsets(Map.of(ZERO, 0L, ONE, 0L));
        consumer.seekToBeginning(List.of(ZERO, ONE));
    }

    @Test
    void shouldCommitRecordsAndOffsetsTogether() {
        delivery.prepare();
        assertThat(delivery.deliver(OUT, OFFSETS)).isTrue();
        MockProducer<byte[], byte[]> producer = producers.get(0);
        assertThat(producer.transactionCommitted()).isTrue();
        assertThat(producer.history()).isEqualTo(OUT);
        assertThat(producer.consumerGroupOffsetsHistory().get(0).values()).containsExactly(OFFSETS);
        delivery.prepare();
        assertThat(producers).as("the producer is kept").hasSize(1);
    }

    @Test
    void shouldGoBackToWhatIsCommittedAfterATransactionThatFailed() {
        consumer.commitSync(Map.of(ZERO, new OffsetAndMetadata(3)));
        consumer.seek(ZERO, 5);
        consumer.seek(ONE, 9);
        delivery.prepare();
        producers.get(0).commitTransactionException = new KafkaException("fenced");
        assertThat(delivery.deliver(OUT, OFFSETS)).isFalse();
        assertThat(producers.get(0).closed()).isTrue();

        delivery.prepare();

        assertThat(producers).hasSize(2);
        assertThat(producers.get(1).transactionInitialized()).isTrue();
        assertThat(consumer.position(ZERO)).isEqualTo(3);
        assertThat(consumer.position(ONE)).as("nothing of it is committed").isZero();
    }

    @Test
    void shouldGiveUpAfterFiveFailuresInARow() {
        for (int failure = 1; failure <= 5; failure++) {
            delivery.prepare();
            producers.get(producers.size() - 1).sendOffsetsToTransactionException = new KafkaException("no");
            if (failure < 5) {
                assertThat(delivery.deliver(OUT, OFFSETS)).isFalse();
            } else {
                assertThatThrownBy(() -> delivery.deliver(OUT, OFFSETS)).hasMessage("no");
            }
        }
    }

    @Test
    void shouldNotRepeatWhatCannotGoBetterTheNextTime() {
        delivery.prepare();
        producers.get(0).commitTransactionException = new InvalidConfigurationException("too large");
        assertThatThrownBy(() -> delivery.deliver(OUT, OFFSETS)).isInstanceOf(InvalidConfigurationException.class);
    }

    /** It is the record's fault, and not the broker's: five attempts would end as the first one. */
    @Test
    void shouldSayWhichRecordItsTopicDoesNotTakeAndDeliverTheOthersThen() {
        MockProducer<byte[], byte[]> producer =
                new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer()) {
                    @Override
                    public synchronized Future<RecordMetadata> send(
                            ProducerRecord<byte[], byte[]> record, Callback callback) {
                        if (record.value()[0] != 2) {
                            return super.send(record, callback);
                        }
                        RecordTooLargeException failure = new RecordTooLargeException("too large");
                        callback.onCompletion(null, failure);
                        commitTransactionException = new KafkaException("in an error state", failure);
                        return CompletableFuture.failedFuture(failure);
                    }
                };
        ExactlyOnce once = new ExactlyOnce(
                consumer,
                () -> producer,
                record -> record.bytes() + " bytes are too many for " + record.topic(),
                ScorerListener.SILENT);
        once.prepare();
        assertThatThrownBy(() -> once.deliver(OUT, OFFSETS))
                .isInstanceOfSatisfying(
                        OversizedException.class,
                        e -> assertThat(e.reasons())
                                .containsExactly(Map.entry(OUT.get(1), "1 bytes are too many for answers")));
        assertThat(producer.transactionAborted()).isTrue();
        assertThat(producer.history()).isEmpty();

        producer.commitTransactionException = null;
        once.prepare();
        assertThat(once.deliver(OUT.subList(0, 1), OFFSETS)).isTrue();
        assertThat(producer.history()).containsExactly(OUT.get(0));
    }

    @Test
    void shouldCloseAProducerThatCannotOpenItsTransactionalId() {
        ExactlyOnce unable = new ExactlyOnce(
                consumer,
                () -> {
                    MockProducer<byte[], byte[]> producer =
                            new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
                    producer.initTransactionException = new KafkaException("no coordinator");
                    producers.add(producer);
                    return producer;
                },
                Object::toString,
                ScorerListener.SILENT);
        assertThatThrownBy(unable::prepare).hasMessage("no coordinator");
        assertThat(producers.get(0).closed()).isTrue();
    }
}
