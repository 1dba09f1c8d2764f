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
     * @return false once nothing has come for too long
     */
    boolean goesOn(int news) {
        long now = System.nanoTime();
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

    /** The remaining time at the rate since the first answers; null while unknown. */
    Duration remaining(int done, int total) {
        if (began == 0 || done <= atBegin) {
            return null;
        }
        double each = (double) (last - began) / (done - atBegin);
        return Duration.ofNanos((long) (each * (total - done)));
    }
}
