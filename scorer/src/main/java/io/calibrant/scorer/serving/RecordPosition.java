package io.calibrant.scorer.serving;

import org.apache.kafka.common.TopicPartition;

/** Where a record lies on its topic. */
record RecordPosition(TopicPartition partition, long offset) {}
