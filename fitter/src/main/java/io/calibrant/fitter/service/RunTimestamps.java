package io.calibrant.fitter.service;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;

/**
 * Repairs negative timestamps of runs. The global table asks no timestamp extractor, and ends Kafka Streams at the
 * first; nothing is made of the time of a run, so it becomes 0. Public because Kafka instantiates it by name.
 */
public final class RunTimestamps implements ConsumerInterceptor<byte[], byte[]> {
    /** For Kafka. */
    public RunTimestamps() {}

    @Override
    public void configure(Map<String, ?> configs) {
        // Nothing to set.
    }

    @Override
    public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
        boolean all = true;
        for (ConsumerRecord<byte[], byte[]> record : records) {
            all &= record.timestamp() >= 0;
        }
        if (all) {
            return records;
        }
        Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> repaired = new HashMap<>();
        for (TopicPartition partition : records.partitions()) {
            List<ConsumerRecord<byte[], byte[]>> of = new ArrayList<>();
            records.records(partition).forEach(record -> of.add(record.timestamp() >= 0 ? record : repaired(record)));
            repaired.put(partition, of);
        }
        return new ConsumerRecords<>(repaired, records.nextOffsets());
    }

    private static ConsumerRecord<byte[], byte[]> repaired(ConsumerRecord<byte[], byte[]> record) {
        return new ConsumerRecord<>(
                record.topic(),
                record.partition(),
                record.offset(),
                0,
                TimestampType.CREATE_TIME,
                record.serializedKeySize(),
                record.serializedValueSize(),
                record.key(),
                record.value(),
                record.headers(),
                record.leaderEpoch());
    }

    @Override
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
        // Nothing to do.
    }

    @Override
    public void close() {
        // Nothing was opened.
    }
}
