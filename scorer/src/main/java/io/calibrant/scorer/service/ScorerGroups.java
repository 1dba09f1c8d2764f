package io.calibrant.scorer.service;

import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** How far the groups of an installation's scorers are on topic questions. */
interface ScorerGroups {
    /**
     * What the scorers' groups have committed, the own one included.
     *
     * @return by the part of a group's name that scorers give it: runs, and the fit behind them
     */
    Map<String, Map<TopicPartition, OffsetAndMetadata>> committed(Set<TopicPartition> partitions);

    /** The offset of the first question that is not older than a time, milliseconds; the end where there is none. */
    Map<TopicPartition, Long> since(Set<TopicPartition> partitions, long time);
}
