package io.calibrant.infra.commands.output;

import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.LabelFreeServing;
import io.calibrant.scorer.answering.Tier;

/** Words for what served probabilities are based on. */
public final class CalibrationWords {
    /** The risk of serving the evidence alone, and how to provide labels; printed once by commands. */
    public static final String RISK =
            "note: prior: evidence only. Without labelled validation questions the evidence alone chooses the"
                    + " calibration, which can make a model worse, its accuracy included; 'calibrant validate"
                    + " --questions FILE' gives labels, 'calibrant evaluate' shows what they say";

    /** What serves without labels, and how to provide them; printed once by commands. */
    public static final String WITHOUT_LABELS =
            "note: without labelled validation questions the label-free average serves: of the real models that were"
                    + " measured it made the over-confident ones better, and the others at most .008 of NLL worse;"
                    + " labels make it better. 'calibrant validate --questions FILE' gives them, 'calibrant evaluate'"
                    + " shows what they say";

    private CalibrationWords() {}

    /** What the probabilities are based on, for example {@code calibration: averaged}. */
    public static String of(Calibration calibration) {
        return switch (calibration) {
            case EVIDENCE -> "prior: evidence only";
            case TEMPERATURE -> "calibration: temperature";
            case TEMPERATURE_VARIANCE -> "calibration: temperature and variance";
            case LABEL_FREE -> "calibration: label-free";
            case AVERAGED -> "calibration: averaged";
            case MAP -> "calibration: none, MAP";
        };
    }

    /** As {@link #of(Calibration)}, with the number of labels where these decided, and what is not known yet. */
    public static String of(Posterior posterior) {
        String words = of(posterior.getCalibration());
        return switch (posterior.getCalibration()) {
            case EVIDENCE -> words;
            case LABEL_FREE ->
                posterior.getLogitVariance() == null
                        ? words + ", without the noise of a logit until 20 questions tell it: tiers forward and"
                                + " last-layer serve MAP"
                        : words;
            case MAP -> words + ": its statistics count no tokens, so that labels alone can calibrate it";
            case TEMPERATURE, TEMPERATURE_VARIANCE, AVERAGED -> words + " on " + posterior.getLabels() + " labels";
        };
    }

    /** As {@link #of(Posterior)}, of a scorer that serves {@code served}, as it was told. */
    static String of(Posterior posterior, Calibration served, AnsweringSettings told) {
        if (served == posterior.getCalibration()) {
            return of(posterior);
        }
        boolean waits = told.labelFree() == LabelFreeServing.AVERAGE
                && told.tier() != Tier.MAP
                && posterior.getLogitVariance() == null;
        return served == Calibration.MAP
                ? of(served) + ": no label is known, and tier " + told.tier().label()
                        + (waits ? " waits for the noise of a logit, which 20 questions tell" : " has no covariance")
                : of(served);
    }

    /** A note for a posterior that is based on a part of a pass and stays so; empty otherwise. */
    public static String partial(Posterior posterior) {
        return posterior.getState() == PosteriorState.PARTIAL
                ? ", partial: " + posterior.getBatches() + " of " + posterior.getBatchesExpected() + " batches"
                : "";
    }
}
