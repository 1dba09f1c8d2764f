package io.calibrant.schemas.reading;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * A record that was read.
 *
 * @param key null for none
 * @param value null for a tombstone
 * @param timestamp milliseconds since the epoch
 * @param valueBytes size of the encoded value
 * @param <V> the value
 */
public record TopicRecord<V>(
        String key, V value, String topic, int partition, long offset, long timestamp, int valueBytes) {
    static <V> TopicRecord<V> of(ConsumerRecord<byte[], byte[]> record, V value) {
        return new TopicRecord<>(
                key(record),
                value,
                record.topic(),
                record.partition(),
                record.offset(),
                record.timestamp(),
                Math.max(0, record.serializedValueSize()));
    }

    /** The key as text; null for none. */
    public static String key(ConsumerRecord<byte[], byte[]> record) {
        return record.key() == null ? null : new String(record.key(), StandardCharsets.UTF_8);
    }
}
