package io.calibrant.infra.assessment;

import io.calibrant.fitter.monitoring.UnfamiliarShare;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.SequentialAlarm;

/**
 * How a fit has done while it served.
 *
 * @param accuracy how often it was right; null where the fitter has counted no answer
 * @param recent the newest questions whose familiarity is known
 * @param unfamiliar how many of them are unfamiliar
 * @param familiarity the alarm on familiarity; null where that is not known
 * @param labels what the labels say against the served probabilities; null without labels
 */
public record Observed(
        EstimatedAccuracy accuracy, long recent, long unfamiliar, SequentialAlarm familiarity, SequentialAlarm labels) {
    /** Of nothing that was asked. */
    public static final Observed NOTHING = new Observed(null, 0, 0, null, null);

    /** What the record of the total says; null where there is none. */
    public static Observed of(CalibrationMetrics total) {
        return total == null
                ? NOTHING
                : new Observed(
                        total.getAccuracy(),
                        total.getRecentQuestions(),
                        total.getRecentUnfamiliar(),
                        total.getFamiliarityAlarm(),
                        total.getCalibrationAlarm());
    }

    /** Whether the questions that are asked now are of another kind than the training questions. */
    public boolean isForeign() {
        return (familiarity != null && familiarity.getSince() != null)
                || UnfamiliarShare.isTooLarge(unfamiliar, recent);
    }

    /** Whether the labels speak against the served probabilities. */
    public boolean isContradicted() {
        return labels != null && labels.getSince() != null;
    }
}
