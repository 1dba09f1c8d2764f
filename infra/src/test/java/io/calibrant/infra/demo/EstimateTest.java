package io.calibrant.infra.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class EstimateTest {
    @Test
    void shouldKnowNothingBeforeAnythingIsDone() {
        Estimate estimate = new Estimate(100, 4, 200, 100);
        assertThat(estimate.remaining()).isNull();
        estimate.fineTuned(0.05);
        assertThat(estimate.remaining()).isNull();
        assertThat(estimate.share()).isGreaterThan(0);
    }

    @Test
    void shouldCountWhatFollowsFineTuningToo() {
        // 1,200 units of fine-tuning, 1,200 of curvature, 500 of scoring.
        Estimate estimate = new Estimate(100, 4, 200, 100);
        estimate.fineTuned(0);
        estimate.fineTuned(0.5);
        Duration remaining = estimate.remaining(Duration.ofSeconds(6).toNanos());
        assertThat(remaining.toMillis() / 1000.0).isCloseTo(23, within(0.01));
    }

    @Test
    void shouldEndAtNothing() {
        Estimate estimate = new Estimate(0, 4, 200, 100);
        estimate.curved(0.1);
        estimate.answered(1);
        assertThat(estimate.share()).isEqualTo(1);
        assertThat(estimate.remaining(1_000)).isZero();
    }

    @Test
    void shouldAddTheDemosRecipeOnlyToItsOwnModel() {
        assertThat(new DemoSettings(null, null, List.of("--steps", "7"), List.of(), "1", "calibrant demo", true)
                        .training())
                .containsExactly("--learning-rate", "5e-3", "--steps", "7");
        DemoFiles given = new DemoFiles(null, null, null);
        assertThat(new DemoSettings(given, null, List.of(), List.of(), "1", "calibrant demo", true).training())
                .isEmpty();
    }
}
