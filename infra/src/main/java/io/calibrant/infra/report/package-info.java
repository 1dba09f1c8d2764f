/**
 * The results of an evaluation, for people: a table for the terminal and a self-contained HTML page. Figures are laid
 * out here and computed elsewhere; neither Kafka nor a model is known.
 *
 * <p>May depend on: {@code io.calibrant.fitter.metrics}, {@code io.calibrant.fitter.selective},
 * {@code io.calibrant.schemas.text}.
 */
package io.calibrant.infra.report;
