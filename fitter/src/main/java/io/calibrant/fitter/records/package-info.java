/**
 * Between the Avro records of the topics and the arrays of {@code linalg}, {@code evidence} and {@code metrics}, with
 * every check of what came over the wire. No Kafka.
 *
 * <p>May depend on: {@code io.calibrant.fitter.evidence}, {@code io.calibrant.fitter.linalg},
 * {@code io.calibrant.fitter.metrics}, {@code io.calibrant.fitter.monitoring}, {@code io.calibrant.fitter.selective},
 * {@code io.calibrant.schemas}.
 */
package io.calibrant.fitter.records;
