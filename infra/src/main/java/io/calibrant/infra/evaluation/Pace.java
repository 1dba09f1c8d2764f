package io.calibrant.infra.evaluation;

import java.time.Duration;

/** The rate of answers, and whether they have stopped. */
final class Pace {
    private final Duration patience;
    private long last = System.nanoTime();
    private long began;
    private int atBegin;

    Pace(Duration patience) {
        this.patience = patience;
    }

    /**
     * After every poll.
     *
     * @param news the number of answers in it
     * @param others the number of answers to what others ask: until the first of these answers they show that the
     *     scorer works through a backlog; they say nothing about the rate
     * @return false once nothing has come for too long
     */
    boolean goesOn(int news, int others) {
        long now = System.nanoTime();
        if (others > 0 && began == 0) {
            last = now;
        }
        if (news > 0) {
            last = now;
            if (began == 0) {
                began = now;
                atBegin = news;
            }
        }
        return now - last < patience.toNanos();
    }

    /** Restarts the timeout, for example after an outage. */
    void holds() {
        last = System.nanoTime();
    }

    /** {@link #goesOn(int, int)} where there is no backlog. */
    boolean goesOn(int news) {
        return goesOn(news, 0);
    }

    /** The remaining time at the rate since the first answers; null while unknown. */
    Duration remaining(int done, int total) {
        if (began == 0 || done <= atBegin) {
            return null;
        }
        double each = (double) (last - began) / (done - atBegin);
        return Duration.ofNanos((long) (each * (total - done)));
    }
}
