/**
 * The link: from a Gaussian over logits to class probabilities (method.md section 6).
 *
 * <p>Shapes: C classes. A question's Gaussian is given by the C - 1 contrasts y_c = z_c - z_C, C the last choice. All
 * in double precision. Pure: Hipparchus gives the direction numbers of the Sobol sequence and the error function; no
 * Kafka, no Avro, no DJL.
 *
 * <p>May depend on: {@code org.hipparchus}.
 */
package io.calibrant.fitter.link;
