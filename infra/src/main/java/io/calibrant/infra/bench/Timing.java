package io.calibrant.infra.bench;

/** Minimum wall time over repetitions: on a shared machine the least disturbed run says most. */
final class Timing {
    private Timing() {}

    /** Seconds of the fastest of {@code repetitions} runs, after one that is not counted. */
    static double seconds(int repetitions, Runnable work) {
        work.run();
        double best = Double.MAX_VALUE;
        for (int i = 0; i < repetitions; i++) {
            best = Math.min(best, once(work));
        }
        return best;
    }

    /** Seconds of the fastest run of each of two, run in turns after one of each that is not counted. */
    static double[] paired(int repetitions, Runnable first, Runnable second) {
        first.run();
        second.run();
        double[] best = {Double.MAX_VALUE, Double.MAX_VALUE};
        for (int i = 0; i < repetitions; i++) {
            best[0] = Math.min(best[0], once(first));
            best[1] = Math.min(best[1], once(second));
        }
        return best;
    }

    private static double once(Runnable work) {
        long start = System.nanoTime();
        work.run();
        return (System.nanoTime() - start) / 1e9;
    }
}
