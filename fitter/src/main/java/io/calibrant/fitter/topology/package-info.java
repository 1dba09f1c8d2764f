/**
 * The Kafka Streams application of the fitter, and the only room that knows Kafka Streams: statistics are folded into
 * factors, factors' spectra into posteriors, answers joined with labels into figures of calibration, bad records go to
 * the dead-letter topic. The topology is a pure function of its settings; {@link io.calibrant.fitter.topology.Fitter}
 * runs it.
 *
 * <p>What a record of factors holds depends on the statistics of its partition and their timestamps alone, never on the
 * clock, so that the same topic replayed gives the same bytes.
 *
 * <p>May depend on: schemas, every other room of the fitter, Kafka Streams.
 */
package io.calibrant.fitter.topology;
