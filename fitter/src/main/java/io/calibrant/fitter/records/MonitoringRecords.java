package io.calibrant.fitter.records;

import io.calibrant.fitter.monitoring.AccuracyEstimate;
import io.calibrant.fitter.monitoring.AccuracySums;
import io.calibrant.fitter.monitoring.CalibrationEvidence;
import io.calibrant.fitter.monitoring.FamiliarityAlarm;
import io.calibrant.fitter.monitoring.UnfamiliarShare;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.SequentialAlarm;
import java.time.Instant;

/** Writes estimates of accuracy and alarms. */
public final class MonitoringRecords {
    private MonitoringRecords() {}

    /** The estimates of accuracy; null without answers. */
    public static EstimatedAccuracy accuracy(AccuracySums sums) {
        return AccuracyEstimate.withoutLabels(sums)
                .map(estimate -> new EstimatedAccuracy(
                        sums.answers(),
                        sums.labels(),
                        share(estimate),
                        !UnfamiliarShare.isTooLarge(sums.unfamiliar(), sums.judged()),
                        AccuracyEstimate.predictionPowered(sums)
                                .map(MonitoringRecords::share)
                                .orElse(null),
                        sums.labels() == sums.answers() ? (Double) ((double) sums.right() / sums.answers()) : null,
                        sums.judged(),
                        sums.unfamiliar()))
                .orElse(null);
    }

    private static EstimatedShare share(AccuracyEstimate estimate) {
        return new EstimatedShare(estimate.value(), estimate.lower(), estimate.upper());
    }

    /** The alarm on familiarity; null before the first question. */
    public static SequentialAlarm familiarity(FamiliarityAlarm alarm, double expectedRunLength) {
        return alarm.questions() == 0
                ? null
                : new SequentialAlarm(
                        alarm.sums().value(),
                        expectedRunLength,
                        alarm.questions(),
                        alarm.alarm().isOn()
                                ? Instant.ofEpochMilli(alarm.alarm().since())
                                : null);
    }

    /**
     * What the labels say against the served probabilities; null without labels.
     *
     * @param labels how many there are
     */
    public static SequentialAlarm calibration(CalibrationEvidence evidence, long labels) {
        double value = evidence.value();
        return labels < 1
                ? null
                : new SequentialAlarm(
                        value,
                        CalibrationEvidence.THRESHOLD,
                        labels,
                        value >= CalibrationEvidence.THRESHOLD ? Instant.ofEpochMilli(evidence.since()) : null);
    }
}
