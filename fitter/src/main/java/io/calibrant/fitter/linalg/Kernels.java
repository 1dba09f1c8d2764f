package io.calibrant.fitter.linalg;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The three dense products of a fold. Their order of summation is fixed, so their results are too: the first two are
 * computed by the JDK's Vector API where this JVM has it, else by plain Java, to the bit the same. Naive twins stand in
 * the tests.
 *
 * <p>In a dot product number c is added to lane c mod 8 by a fused multiply-add, and the lanes are added up in pairs in
 * the end.
 */
final class Kernels {
    /** Of a dot product: eight sums that nothing orders, one wide register or two. */
    static final int LANES = 8;

    private static final VarHandle FLOATS =
            MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

    private static final boolean VECTORS =
            ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent() && VectorKernels.fits();

    private Kernels() {}

    /** Whether the Vector API computes here. */
    static boolean vectors() {
        return VECTORS;
    }

    /**
     * The lanes of the first rows of M^T M, from M^T, += some columns; the upper triangle.
     *
     * @param a rows of M^T [p, width], {@code pitch} apart; the first column is one of lane 0
     * @param band how many rows of M^T M; a multiple of three, or all
     * @param sums [band, p, 8]; modified
     */
    static void addGram(double[] a, int pitch, int band, int p, int width, double[] sums, boolean vectors) {
        int whole = vectors ? width - width % LANES : 0;
        if (vectors) {
            VectorKernels.addGram(a, pitch, band, p, whole, sums);
        }
        if (whole == width) {
            return;
        }
        for (int i = 0; i < band; i++) {
            for (int j = i; j < p; j++) {
                add(a, i * pitch + whole, j * pitch + whole, width - whole, sums, LANES * (i * p + j));
            }
        }
    }

    /** The lanes from {@code to} += the products of the numbers from x and those from y. */
    private static void add(double[] a, int x, int y, int count, double[] sums, int to) {
        double s0 = sums[to];
        double s1 = sums[to + 1];
        double s2 = sums[to + 2];
        double s3 = sums[to + 3];
        double s4 = sums[to + 4];
        double s5 = sums[to + 5];
        double s6 = sums[to + 6];
        double s7 = sums[to + 7];
        int c = 0;
        for (; c <= count - LANES; c += LANES) {
            s0 = Math.fma(a[x + c], a[y + c], s0);
            s1 = Math.fma(a[x + c + 1], a[y + c + 1], s1);
            s2 = Math.fma(a[x + c + 2], a[y + c + 2], s2);
            s3 = Math.fma(a[x + c + 3], a[y + c + 3], s3);
            s4 = Math.fma(a[x + c + 4], a[y + c + 4], s4);
            s5 = Math.fma(a[x + c + 5], a[y + c + 5], s5);
            s6 = Math.fma(a[x + c + 6], a[y + c + 6], s6);
            s7 = Math.fma(a[x + c + 7], a[y + c + 7], s7);
        }
        sums[to] = s0;
        sums[to + 1] = s1;
        sums[to + 2] = s2;
        sums[to + 3] = s3;
        sums[to + 4] = s4;
        sums[to + 5] = s5;
        sums[to + 6] = s6;
        sums[to + 7] = s7;
        for (int lane = 0; c < count; c++, lane++) {
            sums[to + lane] = Math.fma(a[x + c], a[y + c], sums[to + lane]);
        }
    }

    /** The lanes from {@code to} += the squares of some numbers, the first of them one of lane 0. */
    static void addSquares(double[] a, int from, int count, double[] sums, int to, boolean vectors) {
        int whole = vectors ? count - count % LANES : 0;
        if (vectors) {
            VectorKernels.addSquares(a, from, whole, sums, to);
        }
        if (whole < count) {
            add(a, from + whole, from + whole, count - whole, sums, to);
        }
    }

    /** Some numbers in float32, each rounded to the nearest, as little-endian bytes. */
    static void narrow(double[] a, int from, int count, byte[] into, int at, boolean vectors) {
        int done = vectors ? VectorKernels.narrow(a, from, count, into, at) : 0;
        for (int i = done; i < count; i++) {
            FLOATS.set(into, at + Float.BYTES * i, (float) a[from + i]);
        }
    }

    /** The eight lanes from {@code at} together. */
    static double sum(double[] sums, int at) {
        return ((sums[at] + sums[at + 1]) + (sums[at + 2] + sums[at + 3]))
                + ((sums[at + 4] + sums[at + 5]) + (sums[at + 6] + sums[at + 7]));
    }

    /** The sum of the squares of some numbers. */
    static double square(double[] a, int from, int count) {
        double[] sums = new double[LANES];
        addSquares(a, from, count, sums, 0, VECTORS);
        return sum(sums, 0);
    }

    /** Numbers times a factor, in place. */
    static void scale(double[] a, int at, int count, double factor) {
        if (factor != 1) {
            for (int i = at; i < at + count; i++) {
                a[i] *= factor;
            }
        }
    }

    /**
     * V M^T for the first k rows of V; each entry by fused multiply-adds in the order of the rows.
     *
     * @param v [at least k, p], row i the combination that makes row i of the result
     * @param a rows of M^T [p, width], {@code pitch} apart
     * @param out takes the result [k, width] from {@code to} on, row by row d apart
     */
    static void combine(
            double[] v, int k, double[] a, int pitch, int p, int width, double[] out, int to, int d, boolean vectors) {
        if (vectors) {
            VectorKernels.combine(v, k, a, pitch, p, width, out, to, d);
            return;
        }
        for (int i = 0; i < k; i++) {
            int o = to + i * d;
            Arrays.fill(out, o, o + width, 0);
            int j = 0;
            for (; j + 4 <= p; j += 4) {
                addFour(v, i * p + j, a, j * pitch, pitch, out, o, width);
            }
            for (; j < p; j++) {
                double f = v[i * p + j];
                int x = j * pitch;
                for (int c = 0; c < width; c++) {
                    out[o + c] = Math.fma(a[x + c], f, out[o + c]);
                }
            }
        }
    }

    private static void addFour(double[] v, int at, double[] x, int x0, int d, double[] out, int o, int width) {
        double f0 = v[at];
        double f1 = v[at + 1];
        double f2 = v[at + 2];
        double f3 = v[at + 3];
        for (int c = 0; c < width; c++) {
            double sum = Math.fma(x[x0 + c], f0, out[o + c]);
            sum = Math.fma(x[x0 + d + c], f1, sum);
            sum = Math.fma(x[x0 + 2 * d + c], f2, sum);
            out[o + c] = Math.fma(x[x0 + 3 * d + c], f3, sum);
        }
    }

    /**
     * C += R^T R.
     *
     * @param sum [d, d] symmetric; modified
     * @param rows [m, d]
     */
    static void addOuter(double[] sum, double[] rows, int m, int d) {
        for (int i = 0; i < d; i++) {
            int o = i * d;
            int t = 0;
            for (; t + 4 <= m; t += 4) {
                double f0 = rows[t * d + i];
                double f1 = rows[(t + 1) * d + i];
                double f2 = rows[(t + 2) * d + i];
                double f3 = rows[(t + 3) * d + i];
                int x = t * d;
                for (int j = i; j < d; j++) {
                    sum[o + j] += f0 * rows[x + j]
                            + f1 * rows[x + d + j]
                            + f2 * rows[x + 2 * d + j]
                            + f3 * rows[x + 3 * d + j];
                }
            }
            for (; t < m; t++) {
                double f = rows[t * d + i];
                for (int j = i; j < d; j++) {
                    sum[o + j] += f * rows[t * d + j];
                }
            }
        }
        mirror(sum, d);
    }

    /** Copies the upper triangle into the lower one. */
    static void mirror(double[] square, int n) {
        for (int i = 1; i < n; i++) {
            for (int j = 0; j < i; j++) {
                square[i * n + j] = square[j * n + i];
            }
        }
    }
}
