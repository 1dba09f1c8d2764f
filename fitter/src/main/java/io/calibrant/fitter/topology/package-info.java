/**
 * The Kafka Streams topology: its builder, its processors and the names of its stores. Statistics are folded into
 * factors, the factors' spectra make posteriors, answers are joined with labels. The topology is a pure function of its
 * settings; the processors keep the state, and what they compute is in {@code folding}, {@code labels} and
 * {@code posteriors}.
 *
 * <p>What a record of factors holds depends on the statistics of its partition and their timestamps alone, never on the
 * clock, so that the same topic replayed gives the same bytes.
 *
 * <p>May depend on: {@code io.calibrant.fitter.folding}, {@code io.calibrant.fitter.labels},
 * {@code io.calibrant.fitter.monitoring}, {@code io.calibrant.fitter.posteriors}, {@code io.calibrant.fitter.settings},
 * {@code io.calibrant.schemas}, {@code org.apache.avro.specific}, {@code org.apache.kafka}, {@code org.slf4j}.
 */
package io.calibrant.fitter.topology;
