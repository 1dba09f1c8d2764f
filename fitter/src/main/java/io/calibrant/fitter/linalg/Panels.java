package io.calibrant.fitter.linalg;

import java.nio.ByteBuffer;

/**
 * A thin matrix M^T [p, d] for the two products of a fold, taken a panel of columns at a time: a panel is widened into
 * the near caches of a core and used up there, in both products, which is cheaper than to keep it in double precision
 * between them. Its rows are set apart so that those of one column do not fall onto one another in the first of them.
 *
 * @param columns [k, d], the first k rows
 * @param factor by which they are multiplied
 * @param rows [p - k, d], the others
 */
record Panels(Rows columns, double factor, Rows rows, int d, boolean vectors) {
    /**
     * Columns of a panel: a kilobyte of each float32 row, long enough for the processor to fetch ahead what comes from
     * memory. A multiple of the lanes, so that it changes no sum.
     */
    static final int WIDTH = 256;

    /** Rows of the Gram matrix whose lanes are held at a time: all of a fold's thirty, some megabytes of thousands. */
    private static final int BAND = 33;

    /** From row to row of a panel: a cache line more than its numbers. */
    private static final int PITCH = WIDTH + 8;

    /** Of columns, times a number, with rows below them. */
    static Panels of(Rows columns, double factor, Rows rows, int d) {
        return new Panels(columns, factor, rows, d, Kernels.vectors());
    }

    private int p() {
        return (columns.length() + rows.length()) / d;
    }

    private int width(int from) {
        return Math.min(WIDTH, d - from);
    }

    /** Some columns of the rows from {@code top} on. */
    private void widen(int top, int from, int width, double[] panel) {
        int k = columns.length() / d;
        int p = p();
        for (int i = top; i < p; i++) {
            int at = (i - top) * PITCH;
            if (i < k) {
                columns.copy(i * d + from, width, panel, at);
                Kernels.scale(panel, at, width, factor);
            } else {
                rows.copy((i - k) * d + from, width, panel, at);
            }
        }
    }

    /** M^T M [p, p], symmetric. */
    double[] gram() {
        int p = p();
        double[] panel = new double[p * PITCH];
        double[] gram = new double[p * p];
        for (int top = 0; top < p; top += BAND) {
            int band = Math.min(BAND, p - top);
            int below = p - top;
            double[] sums = new double[band * below * Kernels.LANES];
            for (int from = 0; from < d; from += WIDTH) {
                widen(top, from, width(from), panel);
                Kernels.addGram(panel, PITCH, band, below, width(from), sums, vectors);
            }
            for (int i = 0; i < band; i++) {
                for (int j = i; j < below; j++) {
                    double sum = Kernels.sum(sums, Kernels.LANES * (i * below + j));
                    gram[(top + i) * p + top + j] = sum;
                    gram[(top + j) * p + top + i] = sum;
                }
            }
        }
        return gram;
    }

    /**
     * V M^T for the first k rows of V.
     *
     * @param v [at least k, p], row i the combination that makes row i of the result
     * @return [k, d]
     */
    double[] combine(double[] v, int k) {
        int p = p();
        double[] panel = new double[p * PITCH];
        double[] out = new double[k * d];
        for (int from = 0; from < d; from += WIDTH) {
            widen(0, from, width(from), panel);
            Kernels.combine(v, k, panel, PITCH, p, width(from), out, from, d, vectors);
        }
        return out;
    }

    /**
     * The same in float32, each number rounded to the nearest once.
     *
     * @param squares takes the squared length of each row of the result before it is rounded, to the bit as
     *     {@link Kernels#square} gives it
     */
    Rows combine(double[] v, int k, double[] squares) {
        int p = p();
        double[] panel = new double[p * PITCH];
        double[] out = new double[k * PITCH];
        double[] sums = new double[k * Kernels.LANES];
        byte[] narrow = new byte[Float.BYTES * k * d];
        for (int from = 0; from < d; from += WIDTH) {
            int width = width(from);
            widen(0, from, width, panel);
            Kernels.combine(v, k, panel, PITCH, p, width, out, 0, PITCH, vectors);
            for (int i = 0; i < k; i++) {
                Kernels.addSquares(out, i * PITCH, width, sums, Kernels.LANES * i, vectors);
                Kernels.narrow(out, i * PITCH, width, narrow, Float.BYTES * (i * d + from), vectors);
            }
        }
        for (int i = 0; i < k; i++) {
            squares[i] = Kernels.sum(sums, Kernels.LANES * i);
        }
        return Rows.ofFloats(ByteBuffer.wrap(narrow));
    }
}
