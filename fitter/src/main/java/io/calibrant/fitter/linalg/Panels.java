package io.calibrant.fitter.linalg;

/**
 * A thin matrix M^T [p, d] for the two products of a fold, cut into panels of 512 columns: a panel fits the cache of a core,
 * and its rows are set apart so that those of one column do not fall onto one another there.
 *
 * <p>Good until the next one is made in the same thread, which takes its place.
 */
final class Panels {
    /** Columns of a panel; its order of summation goes by it, see {@link Kernels}. */
    private static final int WIDTH = 512;

    /** From row to row of a panel: a cache line more than its numbers. */
    private static final int PITCH = WIDTH + 8;

    /** 8 MB: what a thread keeps of its largest fold, so that a fold does not begin with a fresh megabyte. */
    private static final int MOST_SCRATCH = 1 << 20;

    private static final ThreadLocal<double[]> SCRATCH = ThreadLocal.withInitial(() -> new double[0]);

    private final double[] numbers;
    private final int p;
    private final int d;
    private final double[] gram;
    private final boolean vectors;

    private Panels(double[] numbers, int p, int d, double[] gram, boolean vectors) {
        this.numbers = numbers;
        this.p = p;
        this.d = d;
        this.gram = gram;
        this.vectors = vectors;
    }

    /**
     * Of columns, times a number, with rows below them.
     *
     * @param columns [k, d]
     * @param rows [m, d]
     */
    static Panels of(Rows columns, double factor, Rows rows, int d) {
        return of(columns, factor, rows, d, Kernels.vectors());
    }

    static Panels of(Rows columns, double factor, Rows rows, int d, boolean vectors) {
        int k = columns.length() / d;
        int p = k + rows.length() / d;
        int count = (d + WIDTH - 1) / WIDTH;
        double[] numbers = scratch(count * p * PITCH);
        double[] gram = new double[p * p];
        for (int panel = 0; panel < count; panel++) {
            int from = panel * WIDTH;
            int width = Math.min(WIDTH, d - from);
            int at = panel * p * PITCH;
            for (int i = 0; i < p; i++) {
                if (i < k) {
                    columns.copy(i * d + from, width, numbers, at + i * PITCH);
                    Kernels.scale(numbers, at + i * PITCH, width, factor);
                } else {
                    rows.copy((i - k) * d + from, width, numbers, at + i * PITCH);
                }
            }
            Kernels.addGram(numbers, at, PITCH, p, width, gram, vectors); // while it is in the cache
        }
        Kernels.mirror(gram, p);
        return new Panels(numbers, p, d, gram, vectors);
    }

    private static double[] scratch(int length) {
        double[] scratch = SCRATCH.get();
        if (scratch.length < length) {
            scratch = new double[length];
            if (length <= MOST_SCRATCH) {
                SCRATCH.set(scratch);
            }
        }
        return scratch;
    }

    /** M^T M [p, p], symmetric. */
    double[] gram() {
        return gram;
    }

    /**
     * V M^T for the first k rows of V.
     *
     * @param v [at least k, p], row i the combination that makes row i of the result
     * @return [k, d]
     */
    double[] combine(double[] v, int k) {
        double[] out = new double[k * d];
        for (int from = 0; from < d; from += WIDTH) {
            int at = from / WIDTH * p * PITCH;
            Kernels.combine(v, k, numbers, at, PITCH, p, Math.min(WIDTH, d - from), out, from, d, vectors);
        }
        return out;
    }
}
