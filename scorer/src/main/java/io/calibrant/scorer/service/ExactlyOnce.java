package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Future;
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
    private Producer<byte[], byte[]> producer;
    private boolean rewind;
    private int failures;

    /** @param consumer of the questions; not closed with this object */
    ExactlyOnce(Connection connection, String group, Consumer<byte[], byte[]> consumer) {
        this(consumer, producers(connection, group + "-" + UUID.randomUUID()));
    }

    /** @param producers makes producers of one transactional id, one after the other */
    ExactlyOnce(Consumer<byte[], byte[]> consumer, Supplier<Producer<byte[], byte[]>> producers) {
        this.consumer = consumer;
        this.producers = producers;
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
        }
        if (rewind) {
            rewind();
            rewind = false;
        }
    }

    @Override
    public boolean deliver(List<ProducerRecord<byte[], byte[]>> out, Map<TopicPartition, OffsetAndMetadata> offsets) {
        try {
            producer.beginTransaction();
            for (ProducerRecord<byte[], byte[]> record : out) {
                Future<RecordMetadata> unused = producer.send(record); // a failed send fails the commit
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            producer.commitTransaction();
            failures = 0;
            return true;
        } catch (InvalidConfigurationException | WakeupException e) {
            throw e; // not authorised, or too large: a retry would fail the same way
        } catch (KafkaException e) {
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
