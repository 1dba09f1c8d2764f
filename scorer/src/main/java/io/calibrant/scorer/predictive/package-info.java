/**
 * The linearised predictive (method.md section 6): from the Jacobian of a question's logit contrasts and the posterior
 * of every block to the mean and the covariance of the contrasts, and the novelty.
 *
 * <p>Letters: B questions of a batch, C classes of a question, K class tokens of the run, T tokens, r and d the small
 * and the large side of a block, k eigenpairs known of the large side (u, w), q and s those of the small side.
 *
 * <p>Pure numbers: no Kafka, no Avro.
 *
 * <p>May depend on: {@code ai.djl}, {@code io.calibrant.fitter.evidence}, {@code io.calibrant.fitter.familiarity},
 * {@code io.calibrant.trainer.capture}, {@code io.calibrant.trainer.lora}, {@code io.calibrant.trainer.model},
 * {@code io.calibrant.trainer.prompts}.
 */
package io.calibrant.scorer.predictive;
