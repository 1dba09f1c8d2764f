package io.calibrant.fitter.labels;

import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.records.CalibrationRecords;
import io.calibrant.schemas.avro.MethodMetrics;
import java.util.TreeMap;

/**
 * What labels say of the newest answers of a fit: of the newest windows of topic calibration that have {@link #ENOUGH}
 * labels together, or of all where there are fewer.
 *
 * @param run of the answers
 * @param checkpoint of the answers
 * @param fit of the answers
 * @param map of their MAP probabilities
 * @param calibrated of the probabilities as served
 */
public record RecentLabels(String run, String checkpoint, String fit, MethodMetrics map, MethodMetrics calibrated) {
    /** Labels beside which older windows are not needed. */
    public static final int ENOUGH = 500;

    /** The windows of a fit as they are found, in any order. Keeps only those of the newest labels. Not thread-safe. */
    public static final class Windows {
        private final TreeMap<String, Sums> kept = new TreeMap<>(); // by name, which begins with the start
        private long labels;

        private record Sums(MetricSums map, MetricSums served) {
            Sums plus(Sums other) {
                return new Sums(map.plus(other.map), served.plus(other.served));
            }
        }

        /**
         * Adds one.
         *
         * @param window its name, as the key has it
         */
        public void add(String window, CalibrationCounts counts) {
            if (counts.served().n() > 0) {
                kept.put(window, new Sums(counts.map(), counts.served()));
                labels += counts.served().n();
                while (labels - oldest() >= ENOUGH) {
                    labels -= oldest();
                    kept.pollFirstEntry();
                }
            }
        }

        private long oldest() {
            return kept.firstEntry().getValue().served().n();
        }

        /** What they say of the fit with this name, {@code run/checkpoint/fit}. */
        public RecentLabels of(String name) {
            Sums sum = kept.values().stream().reduce(new Sums(MetricSums.NONE, MetricSums.NONE), Sums::plus);
            String[] names = name.split("/", 3);
            return new RecentLabels(
                    names[0],
                    names[1],
                    names[2],
                    CalibrationRecords.metrics(sum.map()),
                    CalibrationRecords.metrics(sum.served()));
        }
    }
}
