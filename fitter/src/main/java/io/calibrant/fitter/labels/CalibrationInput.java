package io.calibrant.fitter.labels;

import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;

/** What changes the calibration of a posterior, by the key of the fit. */
public sealed interface CalibrationInput
        permits CalibrationInput.OfPosterior, CalibrationInput.OfPredictive, QuestionChange.OfAnswer {
    /** A posterior that new batches made. */
    record OfPosterior(Posterior posterior) implements CalibrationInput {}

    /** What a validation question's covariance needs of the model, whatever the prior. */
    record OfPredictive(PredictiveStatistics statistics) implements CalibrationInput {}
}
