/**
 * The models that answer now, kept at the newest complete posterior of each run and fit.
 *
 * <p>{@link io.calibrant.scorer.serving.ModelKeeper} follows the topics runs, adapters, factors and posteriors on one
 * thread and changes the {@link io.calibrant.scorer.serving.ModelTable}, from which any thread leases models.
 *
 * <p>May depend on: {@code ai.djl}, {@code io.calibrant.fitter.evidence}, {@code io.calibrant.fitter.familiarity},
 * {@code io.calibrant.fitter.linalg}, {@code io.calibrant.fitter.link}, {@code io.calibrant.fitter.records},
 * {@code io.calibrant.fitter.selective}, {@code io.calibrant.schemas}, {@code io.calibrant.scorer.answering},
 * {@code io.calibrant.scorer.predictive}, {@code io.calibrant.trainer.capture}, {@code io.calibrant.trainer.digest},
 * {@code io.calibrant.trainer.lora}, {@code io.calibrant.trainer.model}, {@code io.calibrant.trainer.prompts},
 * {@code org.apache.kafka.clients}, {@code org.apache.kafka.common}, {@code org.slf4j}.
 */
package io.calibrant.scorer.serving;
