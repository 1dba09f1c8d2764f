/**
 * What a fit's records say, in sentences: what serves and why, how many labels it rests on, how often it is right, how
 * familiar its questions are, and what would help most. Pure.
 *
 * <p>May depend on: {@code io.calibrant.fitter.monitoring}, {@code io.calibrant.schemas}.
 */
package io.calibrant.infra.assessment;
