package io.calibrant.infra.evaluation;

import java.time.Duration;

/** How fast answers come, and whether they still do. */
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
     * @param news how many came with it
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

    /** While nothing can come, nothing is missed. */
    void holds() {
        last = System.nanoTime();
    }

    /** From the pace since the first answers; null before anything is known of it. */
    Duration remaining(int done, int total) {
        if (began == 0 || done <= atBegin) {
            return null;
        }
        double each = (double) (last - began) / (done - atBegin);
        return Duration.ofNanos((long) (each * (total - done)));
    }
}
