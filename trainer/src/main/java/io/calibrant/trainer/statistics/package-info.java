/**
 * The trainer's records: runs, adapters, statistics, progress and validation questions, sent in transactions.
 *
 * <p>The only package of this module that knows Kafka and Avro. May depend on: schemas, kafka-clients, Avro, and the
 * packages curvature, lora and prompts.
 */
package io.calibrant.trainer.statistics;
