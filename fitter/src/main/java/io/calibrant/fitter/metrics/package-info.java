/**
 * How good probabilities are (method.md section 7): accuracy, negative log-likelihood, Brier score, expected
 * calibration error, reliability; temperature scaling, the null hypothesis of every calibration; conformal sets, the
 * area under the ROC curve, and how sure one may be of a difference.
 *
 * <p>Shapes: C classes, which may differ from question to question. Means are over questions, never over batches.
 *
 * <p>Pure: depends on Hipparchus' root finder only; no Kafka, no Avro, no DJL.
 */
package io.calibrant.fitter.metrics;
