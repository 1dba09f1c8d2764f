package io.calibrant.infra.commands.output;

import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;

/** Words for what served probabilities are based on. */
public final class CalibrationWords {
    /** The risk of serving without labels, and how to provide labels; printed once by commands. */
    public static final String RISK =
            "note: prior: evidence only. Without labelled validation questions the evidence alone chooses the"
                    + " calibration, which can make a model worse, its accuracy included; 'calibrant validate"
                    + " --questions FILE' gives labels, 'calibrant evaluate' shows what they say";

    private CalibrationWords() {}

    /** What the probabilities are based on, for example {@code calibration: temperature}. */
    public static String of(Calibration calibration) {
        return switch (calibration) {
            case EVIDENCE -> "prior: evidence only";
            case TEMPERATURE -> "calibration: temperature";
            case TEMPERATURE_VARIANCE -> "calibration: temperature and variance";
        };
    }

    /** As {@link #of(Calibration)}, with the number of labels where these decided. */
    public static String of(Posterior posterior) {
        String words = of(posterior.getCalibration());
        return posterior.getCalibration() == Calibration.EVIDENCE
                ? words
                : words + " on " + posterior.getLabels() + " labels";
    }

    /** A note for a posterior that is based on a part of a pass and stays so; empty otherwise. */
    public static String partial(Posterior posterior) {
        return posterior.getState() == PosteriorState.PARTIAL
                ? ", partial: " + posterior.getBatches() + " of " + posterior.getBatchesExpected() + " batches"
                : "";
    }
}
