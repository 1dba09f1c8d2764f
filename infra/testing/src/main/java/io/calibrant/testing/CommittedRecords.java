package io.calibrant.testing;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.reading.TopicReading;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Deserializer;

/** All committed records of a topic from its beginning to its present end, partition by partition, for tests. */
public final class CommittedRecords {
    private CommittedRecords() {}

    /** With their values decoded; one that cannot be read fails the test. */
    public static <V extends SpecificRecord> List<ConsumerRecord<String, V>> of(
            Connection connection, String topic, Class<V> type) {
        List<ConsumerRecord<String, V>> records = new ArrayList<>();
        try (Deserializer<V> values = connection.deserializer(type)) {
            TopicReading.of(connection)
                    .bytes(
                            topic,
                            record -> records.add(new ConsumerRecord<>(
                                    topic,
                                    record.partition(),
                                    record.offset(),
                                    record.timestamp(),
                                    record.timestampType(),
                                    record.serializedKeySize(),
                                    record.serializedValueSize(),
                                    record.key() == null ? null : new String(record.key(), StandardCharsets.UTF_8),
                                    values.deserialize(topic, record.headers(), record.value()),
                                    record.headers(),
                                    record.leaderEpoch())))
                    .readToEnd();
        }
        return records;
    }

    /** As they are. */
    public static List<ConsumerRecord<byte[], byte[]>> raw(Connection connection, String topic) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        TopicReading.of(connection).bytes(topic, records::add).readToEnd();
        return records;
    }
}
