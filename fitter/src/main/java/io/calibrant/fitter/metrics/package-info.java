/**
 * How good probabilities are (method.md section 7): accuracy, negative log-likelihood, Brier score, expected
 * calibration error, reliability; temperature scaling, the null hypothesis of every calibration; conformal sets, the
 * area under the ROC curve, and how sure one may be of a difference.
 *
 * <p>Shapes: C classes, which may differ from question to question. Means are over questions, never over batches. Pure:
 * of Hipparchus only the root finder is used.
 *
 * <p>May depend on: {@code org.hipparchus}.
 */
package io.calibrant.fitter.metrics;
