/**
 * The meters of a scorer: what became of questions and how long it took, what is waiting, and which posterior serves.
 *
 * <p>May depend on: {@code io.calibrant.fitter.familiarity}, {@code io.calibrant.schemas},
 * {@code io.calibrant.scorer.answering}, {@code io.calibrant.scorer.service}, {@code io.micrometer.core},
 * {@code org.apache.kafka.clients}.
 */
package io.calibrant.scorer.telemetry;
