package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.trainer.service.ProgressListener.Event;
import io.calibrant.trainer.service.ProgressListener.Phase;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class PulseTest {
    private long now;
    private final Pulse pulse = new Pulse(event -> {}, () -> now);

    @Test
    void shouldBeLoadingUntilTheModelIsLoaded() {
        assertThat(pulse.obstacle()).contains("loading");
        happens(Phase.LOADING, 0, 1);
        assertThat(pulse.obstacle()).contains("loading");
        happens(Phase.LOADING, 1, 1);
        assertThat(pulse.obstacle()).isEmpty();
    }

    @Test
    void shouldBeStuckWhereAStepTakesTenTimesAsLongAsAnyBefore() {
        happens(Phase.FINE_TUNING, 0, 100);
        passes(Duration.ofSeconds(20));
        happens(Phase.FINE_TUNING, 1, 100);
        passes(Duration.ofSeconds(199));
        assertThat(pulse.obstacle()).isEmpty();
        passes(Duration.ofSeconds(2));
        assertThat(pulse.obstacle()).contains("stuck");
        assertThat(pulse.pause()).isEqualTo(Duration.ofSeconds(201));
        happens(Phase.FINE_TUNING, 2, 100);
        assertThat(pulse.obstacle()).isEmpty();
    }

    @Test
    void shouldGiveShortStepsAMinuteAndTheFirstOneAQuarterOfAnHour() {
        happens(Phase.CURVATURE, 0, 10);
        passes(Duration.ofMinutes(14));
        assertThat(pulse.obstacle()).isEmpty();
        passes(Duration.ofMinutes(2));
        assertThat(pulse.obstacle()).contains("stuck");
        happens(Phase.FINE_TUNING, 0, 10); // another phase has steps of its own
        passes(Duration.ofMillis(10));
        happens(Phase.FINE_TUNING, 1, 10);
        passes(Duration.ofSeconds(59));
        assertThat(pulse.obstacle()).isEmpty();
        passes(Duration.ofSeconds(2));
        assertThat(pulse.obstacle()).contains("stuck");
    }

    @Test
    void shouldNotTakeRepeatedNewsForProgress() {
        happens(Phase.FITTING, 0, 10);
        passes(Duration.ofSeconds(1));
        happens(Phase.FITTING, 1, 10);
        for (int second = 0; second < 61; second++) {
            passes(Duration.ofSeconds(1));
            happens(Phase.FITTING, 1, 10);
        }
        assertThat(pulse.obstacle()).contains("stuck");
    }

    @Test
    void shouldRestWhenAllIsDone() {
        happens(Phase.DONE, 1, 1);
        passes(Duration.ofDays(1));
        assertThat(pulse.obstacle()).isEmpty();
    }

    private void happens(Phase phase, long done, long total) {
        pulse.progressed(new Event(phase, done, total, OptionalDouble.empty(), Optional.empty()));
    }

    private void passes(Duration time) {
        now += time.toNanos();
    }
}
