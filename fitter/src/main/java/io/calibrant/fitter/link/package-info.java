/**
 * The link: from a Gaussian over logits to class probabilities (method.md section 6).
 *
 * <p>Shapes: C classes. A question's Gaussian is given by the C - 1 contrasts y_c = z_c - z_C, C the last choice. All
 * in double precision.
 *
 * <p>Pure: depends on Hipparchus (direction numbers of the Sobol sequence, the error function) and on nothing of the
 * house; no Kafka, no Avro, no DJL.
 */
package io.calibrant.fitter.link;
