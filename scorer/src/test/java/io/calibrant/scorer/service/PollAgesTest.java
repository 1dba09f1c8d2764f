package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class PollAgesTest {
    private final AtomicLong clock = new AtomicLong(7);
    private final PollAges ages = new PollAges(clock::get);

    private void pass(Duration time) {
        clock.addAndGet(time.toNanos());
    }

    @Test
    void shouldTellOfAThreadThatDoesNotComeBackThoughOthersDo() {
        assertThat(ages.longest()).isEmpty();
        assertThat(ages.isOneStuck()).isFalse();
        PollAges.Age one = ages.add();
        PollAges.Age other = ages.add();
        pass(Duration.ofMinutes(10));
        other.begin();
        assertThat(ages.longest()).contains(Duration.ofMinutes(10));
        assertThat(ages.isOneStuck()).isFalse();
        pass(Duration.ofSeconds(1));
        assertThat(ages.longest()).contains(Duration.ofSeconds(601));
        assertThat(ages.isOneStuck()).isTrue();
        one.begin();
        assertThat(ages.longest()).contains(Duration.ofSeconds(1));
        assertThat(ages.isOneStuck()).isFalse();
    }

    @Test
    void shouldForgetAThreadThatHasEnded() {
        PollAges.Age one = ages.add();
        pass(Duration.ofHours(1));
        one.end();
        assertThat(ages.longest()).isEmpty();
        assertThat(ages.isOneStuck()).isFalse();
    }
}
