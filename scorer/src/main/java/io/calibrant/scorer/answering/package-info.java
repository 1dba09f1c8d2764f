/**
 * What becomes of one question: read off the wire, encoded for the model, answered with its calibration.
 *
 * <p>In the order of the path: {@link io.calibrant.scorer.answering.QuestionReader},
 * {@link io.calibrant.scorer.answering.PromptReader}, {@link io.calibrant.scorer.answering.Answerer},
 * {@link io.calibrant.scorer.answering.CalibratedPrediction}. Nothing here takes records or sends them.
 *
 * <p>May depend on: {@code io.calibrant.fitter.calibration}, {@code io.calibrant.fitter.familiarity},
 * {@code io.calibrant.fitter.link}, {@code io.calibrant.fitter.metrics}, {@code io.calibrant.fitter.records},
 * {@code io.calibrant.fitter.selective}, {@code io.calibrant.schemas}, {@code io.calibrant.scorer.predictive},
 * {@code io.calibrant.trainer.model}, {@code io.calibrant.trainer.prompts}, {@code org.apache.kafka.clients.consumer},
 * {@code org.apache.kafka.common}.
 */
package io.calibrant.scorer.answering;
