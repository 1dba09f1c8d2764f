package io.calibrant.scorer.service;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/** Groups of scorers as a test sets them. */
final class KnownGroups implements ScorerGroups {
    private final Map<String, Map<TopicPartition, OffsetAndMetadata>> committed = new HashMap<>();
    private final Map<TopicPartition, OffsetAndMetadata> begun = new HashMap<>();
    private long since;
    private boolean down;

    KnownGroups at(String group, TopicPartition partition, long offset, String metadata) {
        committed.put(group, Map.of(partition, new OffsetAndMetadata(offset, metadata)));
        return this;
    }

    /** @param offset of the first question after the start */
    KnownGroups since(long offset) {
        since = offset;
        return this;
    }

    /** @param value whether the broker does not answer */
    KnownGroups down(boolean value) {
        down = value;
        return this;
    }

    /** What was committed for a group without a member. */
    Map<TopicPartition, OffsetAndMetadata> begun() {
        return begun;
    }

    @Override
    public Set<TopicPartition> partitions() {
        return Set.of(new TopicPartition("questions", 0));
    }

    @Override
    public Map<TopicPartition, Long> beginnings(Set<TopicPartition> partitions) {
        return Map.of();
    }

    @Override
    public void begin(String group, Map<TopicPartition, OffsetAndMetadata> offsets) {
        begun.putAll(offsets);
    }

    @Override
    public Map<String, Map<TopicPartition, OffsetAndMetadata>> committed(Set<TopicPartition> partitions) {
        if (down) {
            throw new TimeoutException("no broker");
        }
        return committed;
    }

    @Override
    public Map<TopicPartition, Long> since(Set<TopicPartition> partitions, long time) {
        Map<TopicPartition, Long> offsets = new HashMap<>();
        partitions.forEach(partition -> offsets.put(partition, since));
        return offsets;
    }
}
