/**
 * The fitter as a service: {@link io.calibrant.fitter.service.Fitter} checks the topics, takes the fit's name in the
 * registry of fits, runs the topology under Kafka Streams, restarts it when its local state is damaged, and says when a
 * replay has reached its end.
 *
 * <p>This package and {@code topology} are the only ones that use Kafka Streams.
 *
 * <p>May depend on: {@code io.calibrant.fitter.evidence}, {@code io.calibrant.fitter.labels},
 * {@code io.calibrant.fitter.linalg}, {@code io.calibrant.fitter.settings}, {@code io.calibrant.fitter.topology},
 * {@code io.calibrant.schemas}, {@code io.micrometer.core}, {@code org.apache.avro}, {@code org.apache.kafka},
 * {@code org.rocksdb}, {@code org.slf4j}.
 */
package io.calibrant.fitter.service;
