package io.calibrant.infra.evaluation;

import io.calibrant.schemas.Connection;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;

/** Reads committed records of some topics in no consumer group. */
final class TopicReader implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final KafkaConsumer<byte[], byte[]> consumer;

    /**
     * Finds the topics' partitions; stands at their end.
     *
     * @throws IllegalStateException naming the address if no broker answers, or the topic that does not exist
     */
    TopicReader(Connection connection, String... topics) {
        Map<String, Object> configs = new HashMap<>(connection.consumer(null));
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        consumer = new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        try {
            List<TopicPartition> partitions = new ArrayList<>();
            for (String topic : topics) {
                List<PartitionInfo> found = consumer.partitionsFor(topic, PATIENCE);
                if (found == null || found.isEmpty()) {
                    throw new IllegalStateException("topic '" + topic + "' does not exist at "
                            + connection.bootstrapServers() + ": create the topics first (calibrant topics --apply)");
                }
                found.forEach(info -> partitions.add(new TopicPartition(info.topic(), info.partition())));
            }
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position); // the end of now, not of the first poll
        } catch (TimeoutException e) {
            consumer.close();
            throw new IllegalStateException("no broker answers at " + connection.bootstrapServers(), e);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
    }

    /** The latest value of every key of a topic, from its beginning to its present end; what cannot be read is left out. */
    static <T extends SpecificRecord> Map<String, T> latest(Connection connection, String topic, Class<T> type) {
        Map<String, T> values = new HashMap<>();
        try (TopicReader reader = new TopicReader(connection, topic);
                Deserializer<T> deserializer = connection.deserializer(type)) {
            Map<TopicPartition, Long> ends = reader.consumer.endOffsets(reader.consumer.assignment());
            reader.consumer.seekToBeginning(ends.keySet());
            while (ends.entrySet().stream().anyMatch(end -> reader.consumer.position(end.getKey()) < end.getValue())) {
                reader.poll(Duration.ofSeconds(1), record -> {
                    T value = value(deserializer, record);
                    if (value == null) {
                        values.remove(key(record));
                    } else {
                        values.put(key(record), value);
                    }
                });
            }
        }
        return values;
    }

    /** Hands on what has arrived. */
    void poll(Duration timeout, Consumer<ConsumerRecord<byte[], byte[]>> records) {
        consumer.poll(timeout).forEach(records);
    }

    /** The key as text; empty where there is none. */
    static String key(ConsumerRecord<byte[], byte[]> record) {
        return record.key() == null ? "" : new String(record.key(), StandardCharsets.UTF_8);
    }

    /** The value; null for a tombstone and for what is no such record. */
    static <T extends SpecificRecord> T value(Deserializer<T> deserializer, ConsumerRecord<byte[], byte[]> record) {
        try {
            return deserializer.deserialize(record.topic(), record.value());
        } catch (SerializationException e) {
            return null;
        }
    }

    @Override
    public void close() {
        consumer.close();
    }
}
