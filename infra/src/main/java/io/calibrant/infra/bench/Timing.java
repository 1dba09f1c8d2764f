package io.calibrant.infra.bench;

import java.util.function.LongSupplier;

/** Minimum wall time over repetitions: on a shared machine the least disturbed run says most. */
final class Timing {
    private Timing() {}

    /**
     * Seconds of the fastest of {@code repetitions} runs, after one that is not counted.
     *
     * @param work measures nothing itself
     */
    static double seconds(int repetitions, Runnable work) {
        work.run();
        return seconds(repetitions, () -> {
            long start = System.nanoTime();
            work.run();
            return System.nanoTime() - start;
        });
    }

    private static double seconds(int repetitions, LongSupplier nanoseconds) {
        long best = Long.MAX_VALUE;
        for (int i = 0; i < repetitions; i++) {
            best = Math.min(best, nanoseconds.getAsLong());
        }
        return best / 1e9;
    }
}
