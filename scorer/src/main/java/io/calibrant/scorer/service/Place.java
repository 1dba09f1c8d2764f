package io.calibrant.scorer.service;

import org.apache.kafka.common.TopicPartition;

/** Where a record lies on its topic. */
record Place(TopicPartition partition, long offset) {}
