/**
 * What labels decide (method.md section 5): temperature, (T, c), which of the two serves, and the prior that suits the
 * labels best (the paper's Algorithm 3).
 *
 * <p>How to use it:
 *
 * <pre>
 * Tuning tuning = new Tuning();              // keeps its points; safe for use by several threads
 * Tuned tuned = tuning.tune(answers);        // List of LabelledAnswer (question id, contrast mean, covariance, true class), any order
 * tuned.labels()                             // n; 0: serving() is EVIDENCE, and T = 1, c = 0.1 are the prior's
 * tuned.temperature()                        // T of softmax(z / T)
 * tuned.variance().temperature(), .scale()   // (T, c) of E softmax N(z / T, c Sigma)
 * tuned.crossValidation()                    // Optional: temperatureNll, varianceNll, standardError; empty where n &lt; 10: then temperature serves
 * tuned.serving()                            // EVIDENCE, TEMPERATURE or TEMPERATURE_VARIANCE
 *
 * ValidationPrior prior = new ValidationPrior(spectra);          // BlockSpectrum of every block; the order of the projections
 * ValidationPrior.Optimum best = prior.minimise(statistics);     // List of LabelledStatistics, any order; SCALAR
 * prior.minimise(statistics, shape)                              // LAYERWISE: lambda_l proportional to shape_l, e.g. the evidence's
 * best.lambdas(), best.nll()                                     // one lambda a block; mean NLL of the labels there
 * prior.answer(one, best.lambdas())                              // its LabelledAnswer at these lambdas, for Tuning
 * </pre>
 *
 * <p>Everything here depends on the set of answers alone: not on their order, not on a start, not on a clock. Equal
 * answers give equal bits.
 *
 * <p>Letters: C classes, y contrasts, Sigma their covariance, T temperature, c variance scale, M points, eps standard
 * normal, r, k small and kept large eigenpairs of a block, P and R a Jacobian on and off them (method.md section 6).
 *
 * <p>May depend on: {@code io.calibrant.fitter.evidence}, {@code io.calibrant.fitter.link},
 * {@code io.calibrant.fitter.metrics}.
 */
package io.calibrant.fitter.calibration;
