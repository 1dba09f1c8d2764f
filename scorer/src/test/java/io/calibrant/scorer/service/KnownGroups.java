package io.calibrant.scorer.service;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Groups of scorers as a test sets them. */
final class KnownGroups implements ScorerGroups {
    private final Map<String, Map<TopicPartition, OffsetAndMetadata>> committed = new HashMap<>();
    private long since;

    KnownGroups at(String group, TopicPartition partition, long offset, String metadata) {
        committed.put(group, Map.of(partition, new OffsetAndMetadata(offset, metadata)));
        return this;
    }

    /** @param offset of the first question after the start */
    KnownGroups since(long offset) {
        since = offset;
        return this;
    }

    @Override
    public Map<String, Map<TopicPartition, OffsetAndMetadata>> committed(Set<TopicPartition> partitions) {
        return committed;
    }

    @Override
    public Map<TopicPartition, Long> since(Set<TopicPartition> partitions, long time) {
        Map<TopicPartition, Long> offsets = new HashMap<>();
        partitions.forEach(partition -> offsets.put(partition, since));
        return offsets;
    }
}
