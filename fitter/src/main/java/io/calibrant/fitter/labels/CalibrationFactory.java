package io.calibrant.fitter.labels;

import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.monitoring.AccuracySums;
import io.calibrant.fitter.monitoring.FamiliarityAlarm;
import io.calibrant.fitter.records.CalibrationRecords;
import io.calibrant.fitter.records.MonitoringRecords;
import io.calibrant.schemas.avro.CalibrationMetrics;
import java.time.Instant;

/** A record of topic calibration from its key and what was counted. */
public final class CalibrationFactory {
    private CalibrationFactory() {}

    /**
     * A record.
     *
     * @param expectedRunLength questions expected until a false alarm
     */
    public static CalibrationMetrics metrics(String key, CalibrationState state, double expectedRunLength) {
        CalibrationCounts counts = state.counts();
        AccuracySums accuracy = counts.accuracySums();
        FamiliarityAlarm familiarity = state.familiarity();
        String[] names = key.split("/", 4);
        CalibrationWindow window = CalibrationWindow.named(names[3]);
        return CalibrationMetrics.newBuilder()
                .setRunId(names[0])
                .setCheckpoint(names[1])
                .setFit(names[2])
                .setWindow(names[3])
                .setWindowStart(window.start())
                .setWindowEnd(window.end())
                .setN(counts.served().n())
                .setMap(CalibrationRecords.metrics(counts.map()))
                .setTemperature(
                        counts.temperature().equals(MetricSums.NONE)
                                ? null
                                : CalibrationRecords.metrics(counts.temperature()))
                .setCalibrated(CalibrationRecords.metrics(counts.served()))
                .setMapBesideTemperature(counts.besideTemperature(counts.map(), counts.mapAlone())
                        .map(CalibrationRecords::metrics)
                        .orElse(null))
                .setCalibratedBesideTemperature(counts.besideTemperature(counts.served(), counts.servedAlone())
                        .map(CalibrationRecords::metrics)
                        .orElse(null))
                .setLabelsWithoutAnswer(counts.unanswered())
                .setAnswersWithoutLabel(counts.waiting())
                .setContradictingLabels(counts.contradicting())
                .setUnusableLabels(counts.unusable())
                .setOtherTexts(counts.otherTexts())
                .setAccuracy(MonitoringRecords.accuracy(accuracy))
                .setRecentQuestions(familiarity.recent())
                .setRecentUnfamiliar(familiarity.recentlyUnfamiliar())
                .setFamiliarityAlarm(MonitoringRecords.familiarity(familiarity, expectedRunLength))
                .setCalibrationAlarm(MonitoringRecords.calibration(counts.evidence(), accuracy.labels()))
                .setTimestamp(Instant.ofEpochMilli(counts.newest()))
                .build();
    }
}
