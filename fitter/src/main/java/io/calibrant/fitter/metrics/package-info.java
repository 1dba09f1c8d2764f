/**
 * How good probabilities are (method.md section 7): accuracy, negative log-likelihood, Brier score, expected calibration
 * error, reliability; and temperature scaling, the null hypothesis of every calibration.
 *
 * <p>Shapes: C classes, which may differ from question to question. Means are over questions, never over batches.
 *
 * <p>Pure: depends on Hipparchus' root finder only; no Kafka, no Avro, no DJL.
 */
package io.calibrant.fitter.metrics;
