/**
 * What labels decide (method.md section 5b, c and "Which one serves"): temperature, (T, c), which of the two serves, and the
 * prior that suits the labels best.
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
 * </pre>
 *
 * <p>Everything here depends on the set of answers alone: not on their order, not on a start, not on a clock. Equal answers
 * give equal bits.
 *
 * <p>Letters: C classes, y contrasts, Sigma their covariance, T temperature, c variance scale, M points, eps standard normal.
 *
 * <p>May depend on: {@code link} and {@code metrics}. Pure: no Kafka, no Avro.
 */
package io.calibrant.fitter.tuning;
