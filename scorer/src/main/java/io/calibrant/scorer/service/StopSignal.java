package io.calibrant.scorer.service;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A request to stop that also wakes waiting threads. Thread-safe. */
final class StopSignal {
    private final List<Runnable> wakers = new ArrayList<>();
    private boolean requested;

    /**
     * Runs {@code waker} when stopping is requested, at once if it already is.
     *
     * @return the waker, for {@link #remove}
     */
    synchronized Runnable onRequest(Runnable waker) {
        wakers.add(waker);
        if (requested) {
            waker.run();
        }
        return waker;
    }

    synchronized void request() {
        requested = true;
        wakers.forEach(Runnable::run);
        notifyAll();
    }

    synchronized boolean requested() {
        return requested;
    }

    /** Waits until stopping is requested, at most so long. */
    synchronized void await(Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        try {
            for (long left = longest.toMillis(); !requested && left > 0; left = (end - System.nanoTime()) / 1_000_000) {
                wait(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Removes a waker, before the object that it wakes is closed. */
    synchronized void remove(Runnable waker) {
        wakers.remove(waker);
    }
}
