package io.calibrant.fitter.labels;

import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.records.CalibrationRecords;
import io.calibrant.schemas.avro.CalibrationMetrics;
import java.time.Instant;

/** A record of topic calibration from its key and what was counted. */
public final class CalibrationFactory {
    private CalibrationFactory() {}

    public static CalibrationMetrics metrics(String key, CalibrationCounts tally) {
        String[] names = key.split("/", 4);
        CalibrationWindow window = CalibrationWindow.named(names[3]);
        return CalibrationMetrics.newBuilder()
                .setRunId(names[0])
                .setCheckpoint(names[1])
                .setFit(names[2])
                .setWindow(names[3])
                .setWindowStart(window.start())
                .setWindowEnd(window.end())
                .setN(tally.served().n())
                .setMap(CalibrationRecords.metrics(tally.map()))
                .setTemperature(
                        tally.temperature().equals(MetricSums.NONE)
                                ? null
                                : CalibrationRecords.metrics(tally.temperature()))
                .setCalibrated(CalibrationRecords.metrics(tally.served()))
                .setLabelsWithoutAnswer(tally.unanswered())
                .setAnswersWithoutLabel(tally.waiting())
                .setContradictingLabels(tally.contradicting())
                .setUnusableLabels(tally.unusable())
                .setTimestamp(Instant.ofEpochMilli(tally.newest()))
                .build();
    }
}
