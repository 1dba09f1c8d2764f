package io.calibrant.fitter.linalg;

/**
 * The three dense products of a fold, blocked for registers and cache. Their order of summation is fixed, so their
 * results are too. Naive twins stand in the tests.
 */
final class Kernels {
    /** Columns handled together: 30 rows of it fit a 256 KB cache. */
    private static final int CHUNK = 512;

    private Kernels() {}

    /**
     * K = M^T M, from M^T.
     *
     * @param rows [p, d], the rows of M^T
     * @return [p, p] symmetric
     */
    static double[] gram(double[] rows, int p, int d) {
        double[] k = new double[p * p];
        for (int from = 0; from < d; from += CHUNK) {
            int to = Math.min(d, from + CHUNK);
            for (int i = 0; i < p; i += 4) {
                for (int j = i; j < p; j += 4) {
                    if (i + 4 <= p && j + 4 <= p) {
                        tile(rows, d, from, to, i, j, k, p);
                    } else {
                        edge(rows, d, from, to, i, j, k, p);
                    }
                }
            }
        }
        mirror(k, p);
        return k;
    }

    /** k[i..i+4, j..j+4] += the dot products of four rows with four rows over columns from..to. */
    private static void tile(double[] a, int d, int from, int to, int i, int j, double[] k, int p) {
        int a0 = i * d;
        int a1 = a0 + d;
        int a2 = a1 + d;
        int a3 = a2 + d;
        for (int half = 0; half < 4; half += 2) {
            int b0 = (j + half) * d;
            int b1 = b0 + d;
            double s00 = 0;
            double s01 = 0;
            double s10 = 0;
            double s11 = 0;
            double s20 = 0;
            double s21 = 0;
            double s30 = 0;
            double s31 = 0;
            for (int c = from; c < to; c++) {
                double y0 = a[b0 + c];
                double y1 = a[b1 + c];
                double x0 = a[a0 + c];
                double x1 = a[a1 + c];
                double x2 = a[a2 + c];
                double x3 = a[a3 + c];
                s00 += x0 * y0;
                s01 += x0 * y1;
                s10 += x1 * y0;
                s11 += x1 * y1;
                s20 += x2 * y0;
                s21 += x2 * y1;
                s30 += x3 * y0;
                s31 += x3 * y1;
            }
            int at = i * p + j + half;
            k[at] += s00;
            k[at + 1] += s01;
            k[at + p] += s10;
            k[at + p + 1] += s11;
            k[at + 2 * p] += s20;
            k[at + 2 * p + 1] += s21;
            k[at + 3 * p] += s30;
            k[at + 3 * p + 1] += s31;
        }
    }

    private static void edge(double[] a, int d, int from, int to, int i, int j, double[] k, int p) {
        for (int x = i; x < Math.min(i + 4, p); x++) {
            for (int y = j; y < Math.min(j + 4, p); y++) {
                double sum = 0;
                for (int c = from; c < to; c++) {
                    sum += a[x * d + c] * a[y * d + c];
                }
                k[x * p + y] += sum;
            }
        }
    }

    /**
     * L^T = V M^T for the first k rows of V.
     *
     * @param v [at least k, p], row i the combination that makes row i of the result
     * @param rows [p, d]
     * @return [k, d]
     */
    static double[] combine(double[] v, int k, double[] rows, int p, int d) {
        double[] out = new double[k * d];
        for (int from = 0; from < d; from += CHUNK) {
            int width = Math.min(d - from, CHUNK);
            for (int i = 0; i < k; i++) {
                int o = i * d + from;
                int j = 0;
                for (; j + 4 <= p; j += 4) {
                    fourAxpy(v, i * p + j, rows, j * d + from, d, out, o, width);
                }
                for (; j < p; j++) {
                    double f = v[i * p + j];
                    int x = j * d + from;
                    for (int c = 0; c < width; c++) {
                        out[o + c] += f * rows[x + c];
                    }
                }
            }
        }
        return out;
    }

    private static void fourAxpy(double[] v, int at, double[] x, int x0, int d, double[] out, int o, int width) {
        double f0 = v[at];
        double f1 = v[at + 1];
        double f2 = v[at + 2];
        double f3 = v[at + 3];
        for (int c = 0; c < width; c++) {
            out[o + c] += f0 * x[x0 + c] + f1 * x[x0 + d + c] + f2 * x[x0 + 2 * d + c] + f3 * x[x0 + 3 * d + c];
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
    private static void mirror(double[] square, int n) {
        for (int i = 1; i < n; i++) {
            for (int j = 0; j < i; j++) {
                square[i * n + j] = square[j * n + i];
            }
        }
    }
}
