/**
 * The meters of a fitter: what its threads count and time as they go, and what its stores say when somebody looks. A
 * series of a run or a fit is there as long as the run or the fit is.
 *
 * <p>May depend on: {@code io.calibrant.fitter.labels}, {@code io.calibrant.fitter.service},
 * {@code io.calibrant.fitter.topology}, {@code io.calibrant.schemas}, {@code io.micrometer.core}.
 */
package io.calibrant.fitter.telemetry;
