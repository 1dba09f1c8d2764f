package io.calibrant.scorer.service;

import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Retries transient failures, a broker or a registry that does not answer, for a bounded time in a row. Confined to one
 * thread, but for {@link #isFailing}.
 */
final class RetryBudget {
    /** Longer than a restart of a broker takes, short enough for a supervisor to notice. */
    private static final Duration LONGEST = Duration.ofMinutes(3);

    private static final Duration PAUSE = Duration.ofSeconds(1);

    private final StopSignal stop;
    private final ScorerListener listener;
    private final LongSupplier nanos;
    private long since;
    private volatile boolean failing;

    RetryBudget(StopSignal stop, ScorerListener listener) {
        this(stop, listener, System::nanoTime);
    }

    /** @param nanos the clock, in nanoseconds from any moment */
    RetryBudget(StopSignal stop, ScorerListener listener, LongSupplier nanos) {
        this.stop = stop;
        this.listener = listener;
        this.nanos = nanos;
    }

    /** Whether the last attempt has failed; from any thread. */
    boolean isFailing() {
        return failing;
    }

    /** Ends the row of failures. */
    void succeeded() {
        failing = false;
    }

    /**
     * Waits a moment before the next attempt.
     *
     * @throws RuntimeException the failure itself if it is permanent, or has lasted too long
     */
    void failed(RuntimeException failure) {
        if (!RegistryUnavailableException.isTransient(failure)) {
            throw failure;
        }
        long now = nanos.getAsLong();
        if (!failing) {
            failing = true;
            since = now;
            listener.unavailable(failure.getMessage());
        }
        if (now - since > LONGEST.toNanos()) {
            throw failure;
        }
        stop.await(PAUSE);
    }
}
