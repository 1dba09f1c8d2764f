/**
 * Labelled questions through the topics: sends them with their labels, collects the answers, and compares MAP,
 * temperature scaling, Laplace and the label-free average on them. Everything is computed from what went through the
 * topics.
 *
 * <p>May depend on: {@code io.calibrant.fitter.calibration}, {@code io.calibrant.fitter.familiarity},
 * {@code io.calibrant.fitter.link}, {@code io.calibrant.fitter.metrics}, {@code io.calibrant.fitter.monitoring},
 * {@code io.calibrant.fitter.records}, {@code io.calibrant.fitter.selective}, {@code io.calibrant.infra.assessment},
 * {@code io.calibrant.infra.report}, {@code io.calibrant.infra.topics}, {@code io.calibrant.schemas},
 * {@code io.calibrant.scorer.answering}, {@code io.calibrant.trainer.prompts}, {@code org.apache.avro},
 * {@code org.apache.kafka}.
 */
package io.calibrant.infra.evaluation;
