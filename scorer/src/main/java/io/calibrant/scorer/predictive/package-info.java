/**
 * The linearised predictive (method.md section 6): from the Jacobian of a question's logit contrasts and the posterior
 * of every block to the mean and the covariance of the contrasts, and the novelty.
 *
 * <p>Letters: B questions of a batch, C classes of a question, K class tokens of the run, T tokens, r and d the small
 * and the large side of a block, k eigenpairs known of the large side (u, w), q and s those of the small side.
 *
 * <p>May depend on: DJL's NDArrays, trainer.{model, lora, capture, prompts}, fitter.posterior. No Kafka, no Avro.
 */
package io.calibrant.scorer.predictive;
