/**
 * The trainer's records: runs, adapters, statistics, progress and validation questions, sent in transactions.
 *
 * <p>The only package of this module that knows Kafka's clients and Avro.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.trainer.curvature},
 * {@code io.calibrant.trainer.lora}, {@code io.calibrant.trainer.model}, {@code io.calibrant.trainer.prompts},
 * {@code org.apache.avro}, {@code org.apache.kafka.clients}, {@code org.apache.kafka.common}.
 */
package io.calibrant.trainer.statistics;
