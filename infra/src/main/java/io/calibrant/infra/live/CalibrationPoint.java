package io.calibrant.infra.live;

import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.MethodMetrics;

/**
 * How good answers were: expected calibration error (15 bins) and mean negative log-likelihood (nats).
 *
 * @param time when the window starts; of a total, when its newest answer came; milliseconds
 * @param accuracy its estimates; null where nothing was answered but questions for validation
 */
public record CalibrationPoint(
        String window,
        long time,
        long n,
        double mapEce,
        double mapNll,
        Double temperatureEce,
        Double temperatureNll,
        double calibratedEce,
        double calibratedNll,
        EstimatedAccuracy accuracy) {
    static CalibrationPoint of(CalibrationMetrics metrics) {
        MethodMetrics temperature = comparable(metrics);
        return new CalibrationPoint(
                metrics.getWindow(),
                (metrics.getWindowStart() == null ? metrics.getTimestamp() : metrics.getWindowStart()).toEpochMilli(),
                metrics.getN(),
                metrics.getMap().getEce15(),
                metrics.getMap().getNll(),
                temperature == null ? null : (Double) temperature.getEce15(),
                temperature == null ? null : (Double) temperature.getNll(),
                metrics.getCalibrated().getEce15(),
                metrics.getCalibrated().getNll(),
                metrics.getAccuracy());
    }

    /** The figures of temperature scaling where they are of the same answers as the others, else null. */
    public static MethodMetrics comparable(CalibrationMetrics metrics) {
        MethodMetrics temperature = metrics.getTemperature();
        return temperature == null || temperature.getN() != metrics.getN() ? null : temperature;
    }
}
