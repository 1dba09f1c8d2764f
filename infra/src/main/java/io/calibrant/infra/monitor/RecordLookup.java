package io.calibrant.infra.monitor;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * One record by its place, read when somebody wants to see it: nothing is kept. One at a time, so that no more than one
 * large record is in memory. Thread-safe.
 */
final class RecordLookup {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final Connection connection;
    private final ReentrantLock one = new ReentrantLock();

    RecordLookup(Connection connection) {
        this.connection = connection;
    }

    /**
     * Finds a record.
     *
     * @return nothing where there is none at that place, or none any more
     * @throws org.apache.kafka.common.KafkaException if the broker does not answer, or another search does not end
     */
    Optional<ConsumerRecord<byte[], byte[]>> find(String topic, int partition, long offset) {
        try {
            if (!one.tryLock(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new TimeoutException("another record is being read: try again");
            }
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(configs(), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            return find(consumer, new TopicPartition(topic, partition), offset);
        } finally {
            one.unlock();
        }
    }

    private Map<String, Object> configs() {
        Map<String, Object> configs = connection.consumer(null);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        configs.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "1");
        // A record that is larger comes through all the same, but not its successors with it.
        configs.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, "65536");
        configs.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, "65536");
        configs.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, "100");
        configs.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, (int) PATIENCE.toMillis());
        configs.put(ConsumerConfig.REQUEST_TIMEOUT_MS_CONFIG, (int) PATIENCE.toMillis());
        return configs;
    }

    private static Optional<ConsumerRecord<byte[], byte[]>> find(
            KafkaConsumer<byte[], byte[]> consumer, TopicPartition place, long offset) {
        List<PartitionInfo> partitions = consumer.partitionsFor(place.topic(), PATIENCE);
        List<TopicPartition> only = List.of(place);
        if (partitions == null
                || partitions.stream().noneMatch(each -> each.partition() == place.partition())
                || offset < consumer.beginningOffsets(only, PATIENCE).get(place)
                || offset >= consumer.endOffsets(only, PATIENCE).get(place)) {
            return Optional.empty();
        }
        consumer.assign(only);
        consumer.seek(place, offset);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
            if (!records.isEmpty()) {
                // A record that a transaction has taken back is passed over: then this is a later one.
                ConsumerRecord<byte[], byte[]> first = records.iterator().next();
                return first.offset() == offset ? Optional.of(first) : Optional.empty();
            }
            if (consumer.position(place, PATIENCE) > offset) {
                return Optional.empty();
            }
        }
        throw new TimeoutException("Kafka does not hand on " + place + " at offset " + offset);
    }
}
