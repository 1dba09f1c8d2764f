/**
 * What the topics say, as it comes: one reader of all of them and a model in memory with a history of bounded size,
 * which is the same for whoever reads the topics from their beginning. For {@code watch} and {@code monitor}.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.trainer.model},
 * {@code io.calibrant.trainer.statistics}, {@code org.apache.avro.specific}, {@code org.apache.kafka.clients.consumer}.
 */
package io.calibrant.infra.live;
