package io.calibrant.infra.live;

import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.MethodMetrics;

/**
 * How good answers were: expected calibration error (15 bins) and mean negative log-likelihood (nats), all methods on
 * the same questions: where only some have a temperature, on those.
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
        boolean beside = hasBesideTemperature(metrics);
        MethodMetrics map = beside ? metrics.getMapBesideTemperature() : metrics.getMap();
        MethodMetrics temperature = beside ? metrics.getTemperature() : comparable(metrics);
        MethodMetrics calibrated = beside ? metrics.getCalibratedBesideTemperature() : metrics.getCalibrated();
        return new CalibrationPoint(
                metrics.getWindow(),
                (metrics.getWindowStart() == null ? metrics.getTimestamp() : metrics.getWindowStart()).toEpochMilli(),
                metrics.getN(),
                map.getEce15(),
                map.getNll(),
                temperature == null ? null : (Double) temperature.getEce15(),
                temperature == null ? null : (Double) temperature.getNll(),
                calibrated.getEce15(),
                calibrated.getNll(),
                metrics.getAccuracy());
    }

    /** Whether MAP and what is served are known on the answers that have a temperature, where only some have one. */
    public static boolean hasBesideTemperature(CalibrationMetrics metrics) {
        return metrics.getMapBesideTemperature() != null && metrics.getCalibratedBesideTemperature() != null;
    }

    /** The figures of temperature scaling where they are of the same answers as the others, else null. */
    public static MethodMetrics comparable(CalibrationMetrics metrics) {
        MethodMetrics temperature = metrics.getTemperature();
        return temperature == null || temperature.getN() != metrics.getN() ? null : temperature;
    }
}
