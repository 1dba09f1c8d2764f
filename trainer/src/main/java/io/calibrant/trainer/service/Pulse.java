package io.calibrant.trainer.service;

import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;

/** Knows whether a trainer moves: each step or batch, and each phase, is a move. Thread-safe. */
final class Pulse implements ProgressListener {
    /** The first step of a large model on a processor, or the longest wait for a fit. */
    private static final Duration FIRST = Duration.ofMinutes(15);

    private static final Duration LEAST = Duration.ofMinutes(1);
    private static final int LONGEST_PAUSES = 10;

    private final ProgressListener listener;
    private final LongSupplier nanos;
    private Event last;
    private long moved;
    private long longest;

    /**
     * Nothing has moved yet.
     *
     * @param listener hears what this hears
     * @param nanos the clock, in nanoseconds from any moment
     */
    Pulse(ProgressListener listener, LongSupplier nanos) {
        this.listener = listener;
        this.nanos = nanos;
        this.moved = nanos.getAsLong();
    }

    @Override
    public void progressed(Event event) {
        move(event);
        listener.progressed(event);
    }

    private synchronized void move(Event event) {
        long now = nanos.getAsLong();
        if (last == null || last.phase() != event.phase()) {
            longest = 0;
            moved = now;
        } else if (last.done() != event.done()) {
            longest = Math.max(longest, now - moved);
            moved = now;
        }
        last = event;
    }

    @Override
    public void warned(String line) {
        listener.warned(line);
    }

    /** Since the last move. */
    synchronized Duration pause() {
        return Duration.ofNanos(nanos.getAsLong() - moved);
    }

    /**
     * Why it does not move, in a word: {@code loading} until questions and model are read, {@code stuck} where a step
     * takes a minute, and ten times as long as any before it in its phase. Empty while it moves, and at its end.
     */
    synchronized Optional<String> obstacle() {
        if (last == null || (last.phase() == Phase.LOADING && last.done() < last.total())) {
            return Optional.of("loading");
        }
        Duration patience = longest == 0 ? FIRST : max(LEAST, Duration.ofNanos(LONGEST_PAUSES * longest));
        return last.phase() != Phase.DONE && pause().compareTo(patience) > 0 ? Optional.of("stuck") : Optional.empty();
    }

    private static Duration max(Duration one, Duration other) {
        return one.compareTo(other) > 0 ? one : other;
    }
}
