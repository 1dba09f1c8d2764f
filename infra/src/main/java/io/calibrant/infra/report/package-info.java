/**
 * What an evaluation found, for people: a table for the terminal and a self-contained HTML page. It only lays out
 * figures; it computes none that a metric would.
 *
 * <p>May depend on: {@code fitter.metrics}. Knows neither Kafka nor a model.
 */
package io.calibrant.infra.report;
