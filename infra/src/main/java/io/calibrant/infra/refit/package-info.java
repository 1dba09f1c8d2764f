/**
 * What a refit would read: a look at the statistics of a run as they are on the topic, what of it is asked for, what
 * retention has dropped, and how long folding it would take. Writes nothing; the fitter's service does the refit.
 *
 * <p>May depend on: {@code io.calibrant.fitter.folding}, {@code io.calibrant.fitter.linalg},
 * {@code io.calibrant.fitter.records}, {@code io.calibrant.fitter.service}, {@code io.calibrant.fitter.settings},
 * {@code io.calibrant.schemas}, {@code org.apache.kafka.clients.consumer}, {@code org.apache.kafka.common}.
 */
package io.calibrant.infra.refit;
