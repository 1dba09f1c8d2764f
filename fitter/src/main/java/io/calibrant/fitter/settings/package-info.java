/**
 * The settings of a fit, validated when they are made: which statistics it takes, at which rank, under which prior, and
 * how it runs.
 *
 * <p>May depend on: {@code io.calibrant.fitter.evidence}, {@code io.calibrant.fitter.linalg},
 * {@code io.calibrant.schemas}.
 */
package io.calibrant.fitter.settings;
