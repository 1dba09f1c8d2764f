/**
 * What is known of a question from its answers and its label: what it adds to topic {@code calibration}, and what it
 * contributes to the calibration of a posterior. Also the checks of answers, labels and predictive statistics, and the
 * compact binary form in which the fitter stores all this for itself.
 *
 * <p>Of Kafka only its {@code Serde} is used, and its exception of what cannot be read.
 *
 * <p>May depend on: {@code io.calibrant.fitter.calibration}, {@code io.calibrant.fitter.familiarity},
 * {@code io.calibrant.fitter.linalg}, {@code io.calibrant.fitter.link}, {@code io.calibrant.fitter.metrics},
 * {@code io.calibrant.fitter.monitoring}, {@code io.calibrant.fitter.records}, {@code io.calibrant.schemas},
 * {@code org.apache.avro.io}, {@code org.apache.kafka.common.errors}, {@code org.apache.kafka.common.serialization}.
 */
package io.calibrant.fitter.labels;
