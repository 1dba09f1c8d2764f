/**
 * Labelled questions through the topics: sends them with their labels, collects the answers, and compares what MAP,
 * temperature scaling and Laplace make of them. Everything is computed from what went through the topics.
 *
 * <p>May depend on: schemas, {@code trainer.prompts}, {@code fitter.link}, {@code fitter.metrics},
 * {@code scorer.service} (what a posterior serves), and in infra on the report.
 */
package io.calibrant.infra.evaluation;
