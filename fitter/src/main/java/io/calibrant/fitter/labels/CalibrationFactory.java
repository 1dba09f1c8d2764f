package io.calibrant.fitter.labels;

import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.records.CalibrationRecords;
import io.calibrant.schemas.avro.CalibrationMetrics;
import java.time.Instant;

/** A record of topic calibration from its key and what was counted. */
public final class CalibrationFactory {
    private CalibrationFactory() {}

    public static CalibrationMetrics metrics(String key, CalibrationCounts counts) {
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
                .setLabelsWithoutAnswer(counts.unanswered())
                .setAnswersWithoutLabel(counts.waiting())
                .setContradictingLabels(counts.contradicting())
                .setUnusableLabels(counts.unusable())
                .setOtherTexts(counts.otherTexts())
                .setTimestamp(Instant.ofEpochMilli(counts.newest()))
                .build();
    }
}
