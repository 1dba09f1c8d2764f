package io.calibrant.infra.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class PaceTest {
    private static final Duration PATIENCE = Duration.ofMillis(40);

    @Test
    void shouldEndWhenNothingComesForThePatience() throws InterruptedException {
        Pace pace = new Pace(PATIENCE);
        assertThat(pace.goesOn(1, 0)).isTrue();
        Thread.sleep(2 * PATIENCE.toMillis());
        assertThat(pace.goesOn(0, 0)).isFalse();
    }

    @Test
    void shouldGoOnWhileTheScorerWorksThroughABacklog() throws InterruptedException {
        Pace pace = new Pace(PATIENCE);
        for (int i = 0; i < 4; i++) {
            Thread.sleep(2 * PATIENCE.toMillis());
            assertThat(pace.goesOn(0, 250)).isTrue();
        }
        assertThat(pace.remaining(0, 4))
                .as("a backlog says nothing about the rate of these")
                .isNull();
        Thread.sleep(2 * PATIENCE.toMillis());
        assertThat(pace.goesOn(0, 0)).isFalse();
    }

    @Test
    void shouldEndWhereOnlyOthersAreAnswered() throws InterruptedException {
        Pace pace = new Pace(PATIENCE);
        assertThat(pace.goesOn(1, 250)).isTrue();
        Thread.sleep(2 * PATIENCE.toMillis());
        assertThat(pace.goesOn(0, 250)).as("the backlog is behind us").isFalse();
    }
}
