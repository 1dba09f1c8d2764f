package io.calibrant.infra.commands;

import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;

/** How people are told what served probabilities rest on. */
final class CalibrationWords {
    /** What it risks to serve without labels, and how to give some; said once by the commands that can know. */
    static final String RISK =
            "note: prior: evidence only. Without labelled validation questions the evidence alone chooses the calibration,"
                    + " which can make a model worse, its accuracy included; 'calibrant validate --questions FILE' gives"
                    + " labels, 'calibrant evaluate' shows what they say";

    private CalibrationWords() {}

    static String of(Calibration calibration) {
        return switch (calibration) {
            case EVIDENCE -> "prior: evidence only";
            case TEMPERATURE -> "calibration: temperature";
            case TEMPERATURE_VARIANCE -> "calibration: temperature and variance";
        };
    }

    static String of(Posterior posterior) {
        String words = of(posterior.getCalibration());
        return posterior.getCalibration() == Calibration.EVIDENCE
                ? words
                : words + " on " + posterior.getLabels() + " labels";
    }

    /** That a posterior rests on a part of a pass and always will; empty otherwise. */
    static String partial(Posterior posterior) {
        return posterior.getState() == PosteriorState.PARTIAL
                ? ", partial: " + posterior.getBatches() + " of " + posterior.getBatchesExpected() + " batches"
                : "";
    }
}
