package io.calibrant.fitter.linalg;

/**
 * The three dense products of a fold. Their order of summation is fixed, so their results are too: the first two are
 * computed by the JDK's Vector API where this JVM has it, else by plain Java, to the bit the same. Naive twins stand in the
 * tests.
 *
 * <p>In a dot product number c is added to lane c mod 4 by a fused multiply-add, and the lanes are added up in pairs; a Gram
 * matrix adds up those of the {@link Panels} one after the other.
 */
final class Kernels {
    private static final boolean VECTORS =
            ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent() && VectorKernels.fits();

    private Kernels() {}

    /** Whether the Vector API computes here. */
    static boolean vectors() {
        return VECTORS;
    }

    /**
     * K += M^T M, from M^T; the upper triangle.
     *
     * @param a rows of M^T [p, width], the first at {@code at}, the next {@code pitch} further
     * @param k [p, p]; modified
     */
    static void addGram(double[] a, int at, int pitch, int p, int width, double[] k, boolean vectors) {
        if (vectors) {
            VectorKernels.addGram(a, at, pitch, p, width, k);
            return;
        }
        for (int i = 0; i < p; i++) {
            for (int j = i; j < p; j++) {
                k[i * p + j] += dot(a, at + i * pitch, at + j * pitch, width);
            }
        }
    }

    /** The dot product of the numbers from x and those from y. */
    static double dot(double[] a, int x, int y, int count) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int c = 0;
        for (; c <= count - 4; c += 4) {
            s0 = Math.fma(a[x + c], a[y + c], s0);
            s1 = Math.fma(a[x + c + 1], a[y + c + 1], s1);
            s2 = Math.fma(a[x + c + 2], a[y + c + 2], s2);
            s3 = Math.fma(a[x + c + 3], a[y + c + 3], s3);
        }
        if (c < count) {
            s0 = Math.fma(a[x + c], a[y + c], s0);
        }
        if (c + 1 < count) {
            s1 = Math.fma(a[x + c + 1], a[y + c + 1], s1);
        }
        if (c + 2 < count) {
            s2 = Math.fma(a[x + c + 2], a[y + c + 2], s2);
        }
        return (s0 + s1) + (s2 + s3);
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
     * @param a rows of M^T [p, width], the first at {@code at}, the next {@code pitch} further
     * @param out takes the result [k, width] from {@code to} on, row by row d apart; zero there until now
     */
    static void combine(
            double[] v,
            int k,
            double[] a,
            int at,
            int pitch,
            int p,
            int width,
            double[] out,
            int to,
            int d,
            boolean vectors) {
        if (vectors) {
            VectorKernels.combine(v, k, a, at, pitch, p, width, out, to, d);
            return;
        }
        for (int i = 0; i < k; i++) {
            int o = to + i * d;
            int j = 0;
            for (; j + 4 <= p; j += 4) {
                addFour(v, i * p + j, a, at + j * pitch, pitch, out, o, width);
            }
            for (; j < p; j++) {
                double f = v[i * p + j];
                int x = at + j * pitch;
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
