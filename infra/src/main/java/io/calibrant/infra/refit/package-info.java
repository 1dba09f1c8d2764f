/**
 * What a refit would read: a look at the statistics of a run as they lie on the topic, what of it is asked for, what
 * retention has dropped, and how long folding it would take. Writes nothing; the fitter's own room does the refit.
 *
 * <p>May depend on: schemas, the fitter, kafka-clients.
 */
package io.calibrant.infra.refit;
