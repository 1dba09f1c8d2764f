package io.calibrant.fitter.labels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.MetricSums;
import org.junit.jupiter.api.Test;

class RecentLabelsTest {
    private final RecentLabels.Windows windows = new RecentLabels.Windows();

    /** Windows come in any order; a fit that was good for long and is bad now is bad. */
    @Test
    void shouldSpeakOfTheNewestWindowsWithEnoughLabels() {
        windows.add("2026-11-25T12:00:00Z", counts(300, 0.9, 0.2));
        windows.add("2026-11-25T10:00:00Z", counts(50_000, 0.6, 0.9));
        windows.add("2026-11-25T13:00:00Z", CalibrationCounts.of(7, 0, 0, 0, 0)); // none has a label yet
        windows.add("2026-11-25T14:00:00Z", counts(100, 0.9, 0.2));
        windows.add("2026-11-25T11:00:00Z", counts(150, 0.9, 0.2));
        RecentLabels recent = windows.of("r/step-4/default");
        assertThat(recent.run()).isEqualTo("r");
        assertThat(recent.checkpoint()).isEqualTo("step-4");
        assertThat(recent.fit()).isEqualTo("default");
        assertThat(recent.map().getN()).isEqualTo(550);
        assertThat(recent.map().getNll()).isEqualTo(-Math.log(0.9), within(1e-6));
        assertThat(recent.calibrated().getNll()).isEqualTo(-Math.log(0.2), within(1e-6));
    }

    @Test
    void shouldSpeakOfAllWhereThereAreFewer() {
        windows.add("2026-11-25T12:00:00Z", counts(20, 0.5, 0.5));
        windows.add("2026-11-25T10:00:00Z", counts(30, 0.5, 0.5));
        assertThat(windows.of("r/live/default").map().getN()).isEqualTo(50);
    }

    private static CalibrationCounts counts(int labels, double map, double served) {
        CalibrationCounts none = CalibrationCounts.NONE;
        return new CalibrationCounts(
                0,
                0,
                0,
                0,
                sums(labels, map),
                MetricSums.NONE,
                sums(labels, served),
                0,
                0,
                none.accuracy(),
                none.evidence(),
                MetricSums.NONE,
                MetricSums.NONE);
    }

    private static MetricSums sums(int labels, double p) {
        MetricSums one = MetricSums.of(new LabelledProbabilities(new double[] {p, 1 - p}, 0));
        MetricSums sum = MetricSums.NONE;
        for (int i = 0; i < labels; i++) {
            sum = sum.plus(one);
        }
        return sum;
    }
}
