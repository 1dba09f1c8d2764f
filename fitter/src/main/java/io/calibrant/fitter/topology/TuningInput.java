package io.calibrant.fitter.topology;

import io.calibrant.schemas.avro.Posterior;

/** What tuning hears of, by the key of the fit. */
sealed interface TuningInput permits TuningInput.OfPosterior, Joined.OfTuning {
    /** A posterior that new batches made. */
    record OfPosterior(Posterior posterior) implements TuningInput {}
}
