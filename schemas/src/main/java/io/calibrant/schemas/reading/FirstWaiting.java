package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Finds the first committed record behind an offset: markers of transactions and what was aborted are none, though a
 * group commits past them only with the next record. Looks once at each place, with a consumer in no group that is
 * there from the first look on. Not thread-safe.
 */
final class FirstWaiting implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(100);

    private final Connection connection;
    private final Map<TopicPartition, Seen> seen = new HashMap<>();
    private Consumer<byte[], byte[]> consumer;

    /**
     * What is behind an offset.
     *
     * @param from the offset
     * @param next there is no committed record before this one
     * @param found whether there is one at it
     */
    private record Seen(long from, long next, boolean found) {}

    FirstWaiting(Connection connection) {
        this.connection = connection;
    }

    /**
     * The offset of the first committed record from one offset on; the end where there is none, or what is known where
     * no more time is left.
     *
     * @param from where the group is
     * @param end of what is committed
     * @param deadline of {@link System#nanoTime}
     */
    long offset(TopicPartition partition, long from, long end, long deadline) {
        Seen known = seen.get(partition);
        if (known == null || known.from() != from) {
            known = new Seen(from, from, false);
        }
        if (!known.found() && known.next() < end) {
            known = look(partition, known, end, deadline);
        }
        seen.put(partition, known);
        return Math.min(known.next(), end);
    }

    private Seen look(TopicPartition partition, Seen known, long end, long deadline) {
        if (consumer == null) {
            Map<String, Object> configs = connection.consumer(null);
            configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
            // The first batch comes whatever its size is, and nothing of it is kept.
            configs.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, "1");
            configs.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "1");
            consumer = new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        }
        consumer.assign(List.of(partition));
        consumer.seek(partition, known.next());
        try {
            long next = known.next();
            while (next < end && deadline - System.nanoTime() > 0) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    return new Seen(known.from(), record.offset(), true);
                }
                next = consumer.position(partition, POLL);
            }
            return new Seen(known.from(), next, false);
        } finally {
            consumer.unsubscribe();
        }
    }

    @Override
    public void close() {
        if (consumer != null) {
            consumer.close(CloseOptions.timeout(Duration.ZERO));
        }
    }
}
