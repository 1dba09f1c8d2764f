package io.calibrant.infra.topics;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** All committed records of a topic from its beginning to its present end, partition by partition, for tests. */
public final class CommittedRecords {
    private CommittedRecords() {}

    /** With their values decoded; one that cannot be read fails the test. */
    public static <V extends SpecificRecord> List<ConsumerRecord<String, V>> of(
            Connection connection, String topic, Class<V> type) {
        return of(connection, topic, new StringDeserializer(), connection.deserializer(type));
    }

    /** As they are. */
    public static List<ConsumerRecord<byte[], byte[]>> raw(Connection connection, String topic) {
        return of(connection, topic, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static <K, V> List<ConsumerRecord<K, V>> of(
            Connection connection, String topic, Deserializer<K> keys, Deserializer<V> values) {
        List<ConsumerRecord<K, V>> records = new ArrayList<>();
        try (KafkaConsumer<K, V> consumer = new KafkaConsumer<>(connection.consumer(null), keys, values)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            }
        }
        return records;
    }
}
