/**
 * Between the Avro records of the topics and the arrays of {@code linalg} and {@code posterior}, with every check of
 * what came over the wire. The only room of the fitter, beside the topology, that knows Avro.
 *
 * <p>May depend on: schemas, {@code linalg}, {@code posterior}, {@code metrics}. No Kafka.
 */
package io.calibrant.fitter.records;
