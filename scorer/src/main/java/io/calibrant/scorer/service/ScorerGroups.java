package io.calibrant.scorer.service;

import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** How far the groups of an installation's scorers are on topic questions. */
interface ScorerGroups {
    /** The partitions of topic questions. */
    Set<TopicPartition> partitions();

    /**
     * What the scorers' groups have committed, the own one included.
     *
     * @return by the part of a group's name that scorers give it: runs, and the fit behind them
     */
    Map<String, Map<TopicPartition, OffsetAndMetadata>> committed(Set<TopicPartition> partitions);

    /** The offset of the first question that is not older than a time, milliseconds; the end where there is none. */
    Map<TopicPartition, Long> since(Set<TopicPartition> partitions, long time);

    /** The first offset that the topic still has. */
    Map<TopicPartition, Long> beginnings(Set<TopicPartition> partitions);

    /**
     * Commits for a group that has no member; does nothing where it has.
     *
     * @param group the part of its name as in {@link #committed}
     */
    void begin(String group, Map<TopicPartition, OffsetAndMetadata> offsets);
}
