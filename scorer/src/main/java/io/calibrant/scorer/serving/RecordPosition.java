package io.calibrant.scorer.serving;

import org.apache.kafka.common.TopicPartition;

/** Partition and offset of a record. */
record RecordPosition(TopicPartition partition, long offset) {}
