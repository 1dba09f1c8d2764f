package io.calibrant.scorer.service;

import io.calibrant.schemas.AccessFailure;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.OversizedRecord;
import java.time.Duration;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Exactly once: records and offsets in one transaction, so that a question has one committed outcome. A scorer that was
 * paused while the group gave its partitions to another is fenced by the group's generation.
 */
final class ExactlyOnce implements Delivery {
    private static final Logger LOG = LoggerFactory.getLogger(ExactlyOnce.class);

    private static final int MOST_FAILURES = 5;

    private final Consumer<byte[], byte[]> consumer;
    private final Supplier<Producer<byte[], byte[]>> producers;
    private final Function<OversizedRecord, String> refusal;
    private final ScorerListener listener;
    private Producer<byte[], byte[]> producer;
    private boolean rewind;
    private int failures;

    /**
     * For the questions of a group.
     *
     * @param consumer of the questions; not closed with this object
     * @param listener hears of each producer
     */
    ExactlyOnce(Connection connection, String group, Consumer<byte[], byte[]> consumer, ScorerListener listener) {
        this(
                consumer,
                producers(connection, group + "-" + UUID.randomUUID()),
                record -> record.message(OversizedRecord.limit(connection, record.topic()), ""),
                listener);
    }

    /**
     * As {@link #ExactlyOnce(Connection, String, Consumer, ScorerListener)}.
     *
     * @param producers makes producers of one transactional id, one after the other
     * @param refusal says in a line why a record is too large for its topic
     */
    ExactlyOnce(
            Consumer<byte[], byte[]> consumer,
            Supplier<Producer<byte[], byte[]>> producers,
            Function<OversizedRecord, String> refusal,
            ScorerListener listener) {
        this.consumer = consumer;
        this.producers = producers;
        this.refusal = refusal;
        this.listener = listener;
    }

    private static Supplier<Producer<byte[], byte[]>> producers(Connection connection, String transactionalId) {
        Map<String, Object> configs = new HashMap<>(connection.producer());
        configs.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId);
        // A transaction spans the sends only, never the scoring: a killed scorer leaves it open for a short time.
        configs.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, (int)
                Duration.ofSeconds(10).toMillis());
        // The commit sends everything at once; waiting for more would only be latency.
        configs.put(ProducerConfig.LINGER_MS_CONFIG, 0);
        configs.putIfAbsent(ProducerConfig.RETRY_BACKOFF_MS_CONFIG, 20);
        return () -> new KafkaProducer<>(configs, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /**
     * After a failure a new producer of the same transactional id commits or aborts the transaction that was left open.
     * Only then it is known which offsets are committed.
     */
    @Override
    public void prepare() {
        if (producer == null) {
            Producer<byte[], byte[]> next = producers.get();
            boolean done = false;
            try {
                next.initTransactions();
                done = true;
            } finally {
                if (!done) {
                    next.close(Duration.ZERO);
                }
            }
            producer = next;
            listener.opened(next);
        }
        if (rewind) {
            rewind();
            rewind = false;
        }
    }

    @Override
    public boolean deliver(List<ProducerRecord<byte[], byte[]>> out, Map<TopicPartition, OffsetAndMetadata> offsets) {
        Queue<ProducerRecord<byte[], byte[]>> tooLarge = new ConcurrentLinkedQueue<>();
        try {
            producer.beginTransaction();
            for (ProducerRecord<byte[], byte[]> record : out) {
                Future<RecordMetadata> unused = producer.send(record, (metadata, failure) -> {
                    if (OversizedRecord.isCauseOf(failure)) {
                        tooLarge.add(record);
                    }
                }); // a failed send fails the commit
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            producer.commitTransaction();
            failures = 0;
            return true;
        } catch (InvalidConfigurationException | WakeupException e) {
            throw e; // a retry would fail the same way
        } catch (KafkaException e) {
            if (AccessFailure.isOne(e)) {
                throw e; // nor does a right come back by trying
            }
            if (!tooLarge.isEmpty() && abort()) {
                IdentityHashMap<ProducerRecord<byte[], byte[]>, String> reasons = new IdentityHashMap<>();
                tooLarge.forEach(record -> reasons.put(record, refusal.apply(oversized(record))));
                throw new OversizedException(reasons, e);
            }
            failures++;
            if (failures >= MOST_FAILURES) {
                throw e;
            }
            LOG.warn("transaction not committed, its questions are asked again: {}", e.toString());
            producer.close(Duration.ZERO);
            producer = null;
            rewind = true;
            return false;
        }
    }

    private static OversizedRecord oversized(ProducerRecord<byte[], byte[]> record) {
        long bytes = (record.key() == null ? 0L : record.key().length)
                + (record.value() == null ? 0L : record.value().length);
        for (Header header : record.headers()) {
            bytes += header.key().length() + (header.value() == null ? 0L : header.value().length);
        }
        return new OversizedRecord(record.topic(), null, bytes); // the line of its question says which one it is
    }

    /** Whether the transaction is ended and the producer can begin another. */
    private boolean abort() {
        try {
            producer.abortTransaction();
            return true;
        } catch (KafkaException e) {
            return false;
        }
    }

    private void rewind() {
        Set<TopicPartition> assignment = consumer.assignment();
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(assignment);
        for (TopicPartition partition : assignment) {
            OffsetAndMetadata offset = committed.get(partition);
            if (offset == null) {
                consumer.seekToBeginning(Set.of(partition));
            } else {
                consumer.seek(partition, offset);
            }
        }
    }

    @Override
    public void close() {
        if (producer != null) {
            producer.close();
        }
    }
}
