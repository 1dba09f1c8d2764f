package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

class RetryBudgetTest {
    private final TimeoutException outage = new TimeoutException("no broker");

    private final StopSignal stop = new StopSignal();
    private final List<String> said = new ArrayList<>();
    private long now;
    private final RetryBudget retries = new RetryBudget(
            stop,
            new ScorerListener() {
                @Override
                public void unavailable(String reason) {
                    said.add(reason);
                }
            },
            () -> now);

    RetryBudgetTest() {
        stop.request(); // so that no attempt waits for the next
    }

    @Test
    void shouldThrowAPermanentFailureAtOnce() {
        AuthorizationException denied = new AuthorizationException("denied");
        assertThatThrownBy(() -> retries.failed(denied)).isSameAs(denied);
        assertThat(said).isEmpty();
    }

    @Test
    void shouldBearAnOutageOfThreeMinutesAndSayItOnce() {
        retries.failed(outage);
        now += Duration.ofMinutes(3).toNanos();
        retries.failed(outage);
        now++;
        assertThatThrownBy(() -> retries.failed(outage)).isSameAs(outage);
        assertThat(said).containsExactly("no broker");
    }

    @Test
    void shouldStartAnewAfterASuccess() {
        retries.failed(outage);
        now += Duration.ofMinutes(4).toNanos();
        retries.succeeded();
        assertThatCode(() -> retries.failed(outage)).doesNotThrowAnyException();
        assertThat(said).hasSize(2);
    }
}
