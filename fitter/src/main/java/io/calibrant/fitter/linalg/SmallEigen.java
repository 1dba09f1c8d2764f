package io.calibrant.fitter.linalg;

import java.util.Arrays;

/**
 * All eigenpairs of a small symmetric matrix: Householder tridiagonalisation and implicit QL with the vectors held as
 * rows, so that every inner loop runs along a row (tred2 and tql2 of EISPACK; Bowdler, Martin, Reinsch and Wilkinson,
 * Handbook for Automatic Computation II, 1971). At 30 x 30, the size of a fold, twice as fast as EJML, which serves
 * larger ones.
 */
final class SmallEigen {
    /** Up to this size it is the faster one. */
    static final int MOST = 64;

    private static final double EPSILON = Math.ulp(1.0);
    private static final int MOST_STEPS = 60;

    private final int n;

    /** Row i: first the matrix and the Householder vectors, in the end the eigenvector of value i. */
    private final double[] z;

    private final double[] d;
    private final double[] e;

    /**
     * Decomposes a matrix.
     *
     * @param matrix [n, n] symmetric, finite; not modified
     * @param scale a power of two by which its entries are divided meanwhile, so that their squares are finite
     * @throws ArithmeticException if the iteration does not converge (not seen for finite input)
     */
    SmallEigen(double[] matrix, int n, double scale) {
        this.n = n;
        z = new double[n * n];
        for (int i = 0; i < z.length; i++) {
            z[i] = matrix[i] / scale;
        }
        d = new double[n];
        e = new double[n];
        tridiagonalise();
        diagonalise();
        for (int i = 0; i < n; i++) {
            d[i] *= scale;
        }
    }

    /** The eigenvalues in no order. */
    double[] values() {
        return d;
    }

    /** [n, n], row i is the unit eigenvector of value i. */
    double[] vectors() {
        return z;
    }

    private void tridiagonalise() {
        for (int j = 0; j < n; j++) {
            d[j] = z[j * n + n - 1];
        }
        for (int i = n - 1; i > 0; i--) {
            double scale = 0;
            for (int k = 0; k < i; k++) {
                scale += Math.abs(d[k]);
            }
            double h = 0;
            if (scale == 0) {
                e[i] = d[i - 1];
                for (int j = 0; j < i; j++) {
                    d[j] = z[j * n + i - 1];
                    z[j * n + i] = 0;
                    z[i * n + j] = 0;
                }
            } else {
                h = reflect(i, scale);
            }
            d[i] = h;
        }
        for (int i = 0; i < n - 1; i++) {
            accumulate(i);
        }
        for (int j = 0; j < n; j++) {
            d[j] = z[j * n + n - 1];
            z[j * n + n - 1] = 0;
        }
        z[n * n - 1] = 1;
        e[0] = 0;
    }

    /** Reduces row i to its last off-diagonal entry; half the squared length of the reflection's vector. */
    private double reflect(int i, double scale) {
        double h = 0;
        for (int k = 0; k < i; k++) {
            d[k] /= scale;
            h += d[k] * d[k];
        }
        double f = d[i - 1];
        double g = f > 0 ? -Math.sqrt(h) : Math.sqrt(h);
        e[i] = scale * g;
        h -= f * g;
        d[i - 1] = f - g;
        Arrays.fill(e, 0, i, 0);
        for (int j = 0; j < i; j++) {
            f = d[j];
            z[i * n + j] = f;
            g = e[j] + z[j * n + j] * f;
            for (int k = j + 1; k < i; k++) {
                double x = z[j * n + k];
                g += x * d[k];
                e[k] += x * f;
            }
            e[j] = g;
        }
        f = 0;
        for (int j = 0; j < i; j++) {
            e[j] /= h;
            f += e[j] * d[j];
        }
        double half = f / (h + h);
        for (int j = 0; j < i; j++) {
            e[j] -= half * d[j];
        }
        for (int j = 0; j < i; j++) {
            f = d[j];
            g = e[j];
            for (int k = j; k < i; k++) {
                z[j * n + k] -= f * e[k] + g * d[k];
            }
            d[j] = z[j * n + i - 1];
            z[j * n + i] = 0;
        }
        return h;
    }

    private void accumulate(int i) {
        z[i * n + n - 1] = z[i * n + i];
        z[i * n + i] = 1;
        double h = d[i + 1];
        int next = (i + 1) * n;
        if (h != 0) {
            for (int k = 0; k <= i; k++) {
                d[k] = z[next + k] / h;
            }
            for (int j = 0; j <= i; j++) {
                double g = 0;
                for (int k = 0; k <= i; k++) {
                    g += z[next + k] * z[j * n + k];
                }
                for (int k = 0; k <= i; k++) {
                    z[j * n + k] -= g * d[k];
                }
            }
        }
        for (int k = 0; k <= i; k++) {
            z[next + k] = 0;
        }
    }

    private void diagonalise() {
        System.arraycopy(e, 1, e, 0, n - 1);
        e[n - 1] = 0;
        double shift = 0;
        double size = 0;
        for (int l = 0; l < n; l++) {
            size = Math.max(size, Math.abs(d[l]) + Math.abs(e[l]));
            int m = l;
            while (Math.abs(e[m]) > EPSILON * size) {
                m++; // the last e is 0
            }
            if (m > l) {
                int steps = 0;
                do {
                    if (++steps > MOST_STEPS) {
                        throw new ArithmeticException(
                                "the eigenvalues of a " + n + " x " + n + " matrix did not converge");
                    }
                    shift += step(l, m);
                } while (Math.abs(e[l]) > EPSILON * size);
            }
            d[l] += shift;
            e[l] = 0;
        }
    }

    /** One implicit QL step on rows l..m; the shift that it subtracted from what comes after l. */
    private double step(int l, int m) {
        double g = d[l];
        double p = (d[l + 1] - g) / (2 * e[l]);
        double r = p < 0 ? -Math.sqrt(p * p + 1) : Math.sqrt(p * p + 1);
        d[l] = e[l] / (p + r);
        d[l + 1] = e[l] * (p + r);
        double dl1 = d[l + 1];
        double h = g - d[l];
        for (int i = l + 2; i < n; i++) {
            d[i] -= h;
        }
        p = d[m];
        double c = 1;
        double c2 = 1;
        double c3 = 1;
        double el1 = e[l + 1];
        double s = 0;
        double s2 = 0;
        for (int i = m - 1; i >= l; i--) {
            c3 = c2;
            c2 = c;
            s2 = s;
            g = c * e[i];
            double q = c * p;
            r = Math.sqrt(p * p + e[i] * e[i]);
            e[i + 1] = s * r;
            s = e[i] / r;
            c = p / r;
            p = c * d[i] - s * g;
            d[i + 1] = q + s * (c * g + s * d[i]);
            rotate(i * n, c, s);
        }
        p = -s * s2 * c3 * el1 * e[l] / dl1;
        e[l] = s * p;
        d[l] = c * p;
        return h;
    }

    private void rotate(int row, double c, double s) {
        int done = Kernels.vectors() ? VectorKernels.rotate(z, row, n, c, s) : 0;
        for (int k = row + done; k < row + n; k++) {
            double x = z[k];
            double y = z[k + n];
            z[k + n] = s * x + c * y;
            z[k] = c * x - s * y;
        }
    }
}
