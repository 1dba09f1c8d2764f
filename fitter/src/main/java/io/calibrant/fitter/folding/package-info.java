/**
 * From one record of statistics to the new factors of its blocks: what a statistic must be, which batches are folded
 * already, and what is kept and published after a fold (method.md section 3).
 *
 * <p>No Kafka: every function here depends on its arguments alone.
 *
 * <p>May depend on: {@code io.calibrant.fitter.familiarity}, {@code io.calibrant.fitter.linalg},
 * {@code io.calibrant.fitter.records}, {@code io.calibrant.fitter.settings}, {@code io.calibrant.schemas},
 * {@code org.apache.avro.message}.
 */
package io.calibrant.fitter.folding;
