package io.calibrant.infra.topics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads all partitions of a topic, committed records only, without a consumer group. Records that cannot be read are
 * reported and skipped. Not thread-safe.
 *
 * @param <V> the record
 */
public final class TopicReader<V extends SpecificRecord> implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(500);

    private final KafkaConsumer<String, byte[]> consumer;
    private final Deserializer<V> deserializer;
    private final Consumer<String> unreadable;
    private final List<TopicPartition> partitions;
    private final Map<TopicPartition, Long> ends;

    /**
     * A record with its key.
     *
     * @param value null for a tombstone
     */
    public record Keyed<V>(String key, V value) {}

    private TopicReader(Connection connection, String topic, Class<V> type, Consumer<String> unreadable) {
        Map<String, Object> configs = connection.consumer(null);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        consumer = new KafkaConsumer<>(configs, new StringDeserializer(), new ByteArrayDeserializer());
        this.unreadable = unreadable;
        try {
            deserializer = connection.deserializer(type);
            TopicAdmin.require(connection, topic);
            partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            ends = consumer.endOffsets(partitions);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
    }

    /**
     * A reader that starts with the first record of the topic.
     *
     * @param unreadable hears of records that cannot be read, one line each
     * @throws IllegalStateException if the topic does not exist
     */
    public static <V extends SpecificRecord> TopicReader<V> fromBeginning(
            Connection connection, String topic, Class<V> type, Consumer<String> unreadable) {
        TopicReader<V> reader = new TopicReader<>(connection, topic, type, unreadable);
        reader.consumer.seekToBeginning(reader.partitions);
        return reader;
    }

    /** A reader that starts with what is written from now on; see {@link #fromBeginning}. */
    public static <V extends SpecificRecord> TopicReader<V> fromNow(
            Connection connection, String topic, Class<V> type, Consumer<String> unreadable) {
        TopicReader<V> reader = new TopicReader<>(connection, topic, type, unreadable);
        reader.ends.forEach(reader.consumer::seek);
        return reader;
    }

    /** A reader that starts with the first record written at or after a time; see {@link #fromBeginning}. */
    public static <V extends SpecificRecord> TopicReader<V> fromTime(
            Connection connection, String topic, Class<V> type, long epochMillis, Consumer<String> unreadable) {
        TopicReader<V> reader = new TopicReader<>(connection, topic, type, unreadable);
        Map<TopicPartition, Long> times = new LinkedHashMap<>();
        reader.partitions.forEach(partition -> times.put(partition, epochMillis));
        Map<TopicPartition, OffsetAndTimestamp> starts = reader.consumer.offsetsForTimes(times);
        reader.partitions.forEach(partition -> {
            OffsetAndTimestamp start = starts.get(partition);
            reader.consumer.seek(partition, start == null ? reader.ends.get(partition) : start.offset());
        });
        return reader;
    }

    /**
     * The newest value of every key that has one, by key, in the order in which the keys first came: a compacted topic
     * as it is now.
     */
    public static <V extends SpecificRecord> Map<String, V> latest(
            Connection connection, String topic, Class<V> type, Consumer<String> unreadable) {
        Map<String, V> latest = new LinkedHashMap<>();
        try (TopicReader<V> reader = fromBeginning(connection, topic, type, unreadable)) {
            while (!reader.hasReachedTheEnd()) {
                for (Keyed<V> each : reader.poll(POLL)) {
                    if (each.value() == null) {
                        latest.remove(each.key());
                    } else {
                        latest.put(each.key(), each.value());
                    }
                }
            }
        }
        return latest;
    }

    /** Whether everything has been read that was there when this reader was made. */
    public boolean hasReachedTheEnd() {
        return ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
    }

    /**
     * The next records, waiting for them if there are none yet.
     *
     * @throws RegistryUnavailableException if a record's schema cannot be asked for
     */
    public List<Keyed<V>> poll(Duration patience) {
        List<Keyed<V>> records = new ArrayList<>();
        for (ConsumerRecord<String, byte[]> each : consumer.poll(patience)) {
            try {
                records.add(new Keyed<>(each.key(), deserializer.deserialize(each.topic(), each.value())));
            } catch (SerializationException e) {
                if (RegistryUnavailableException.isTransient(e)) {
                    throw e;
                }
                unreadable.accept("skipped " + each.topic() + "-" + each.partition() + " at offset " + each.offset()
                        + ": " + e.getMessage());
            }
        }
        return records;
    }

    @Override
    public void close() {
        deserializer.close();
        // In no group, it has nothing to say: else it waits for the fetch that is under way, up to half a second.
        consumer.close(CloseOptions.timeout(Duration.ZERO));
    }
}
