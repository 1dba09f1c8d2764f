/**
 * Posteriors as records: from the spectra of all blocks (method.md section 5), and once more when labels have chosen
 * temperature, variance scale or the prior.
 *
 * <p>No Kafka: every function here depends on its arguments alone.
 *
 * <p>May depend on: {@code io.calibrant.fitter.calibration}, {@code io.calibrant.fitter.evidence},
 * {@code io.calibrant.fitter.familiarity}, {@code io.calibrant.fitter.labels}, {@code io.calibrant.fitter.linalg},
 * {@code io.calibrant.fitter.metrics}, {@code io.calibrant.fitter.records}, {@code io.calibrant.fitter.selective},
 * {@code io.calibrant.fitter.settings}, {@code io.calibrant.schemas}.
 */
package io.calibrant.fitter.posteriors;
