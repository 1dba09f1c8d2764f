/**
 * What labels decide (method.md section 5): temperature, (T, c), the weights of the predictions that are averaged, and
 * the prior that suits the labels best (the paper's Algorithm 3). Without labels: the members that need none.
 *
 * <p>How to use it:
 *
 * <pre>
 * // For each labelled answer: question id, contrast mean, covariance, true class; in any order.
 * List&lt;LabelledContrasts&gt; answers = ...
 * // c0 = examples / real tokens, and v = LogitNoise.median of LogitNoise.variance of 20 questions or more
 * LabelFree labelFree = new LabelFree(c0, v);
 *
 * Calibrator calibrator = new Calibrator();       // keeps its points; safe for use by several threads
 * CalibrationResult result = calibrator.calibrate(answers, labelFree);
 * result.labels()                                 // n; for 0 the members are those that need no label, T = 1, c = 0.1
 * result.temperature()                            // T of softmax(z / T)
 * result.variance().temperature(), .scale()       // (T, c) of E softmax N(z / T, c Sigma)
 * result.all(), .forward(), .map()                // the members of each tier: T, c, v, weight, log likelihood
 *
 * Mixture.of(result.all(), link, mean, covariance)  // the average for one question: probabilities, entropy
 *
 * // BlockSpectrum of every block, in the order of the projections
 * ValidationPrior prior = new ValidationPrior(spectra);
 * ValidationPrior.Optimum best = prior.minimise(statistics, shape);
 *                                                 // List of LabelledStatistics, any order; lambda_l proportional to
 *                                                 // shape_l: LAYERWISE the evidence's optimum, SCALAR ones
 * best.lambdas(), best.nll()                      // one lambda a block; mean NLL of the labels there
 * prior.answer(one, best.lambdas())               // its LabelledContrasts at these lambdas, for the Calibrator
 *
 * LearningCurve.of(answers, labelFree, false, 50, share -> {}) // what more labels would be worth
 * </pre>
 *
 * <p>Everything here depends on the set of answers alone: not on their order, not on a start, not on a clock. Equal
 * answers give equal bits.
 *
 * <p>Letters: C classes, y contrasts, Sigma their covariance, T temperature, c variance scale, c0 that of the members
 * without labels, v variance of a logit, M points, eps standard normal, r, k small and kept large eigenpairs of a
 * block, P and R a Jacobian on and off them (method.md section 6).
 *
 * <p>May depend on: {@code io.calibrant.fitter.evidence}, {@code io.calibrant.fitter.link},
 * {@code io.calibrant.fitter.metrics}.
 */
package io.calibrant.fitter.calibration;
