package io.calibrant.trainer.curvature;

/** The inverse of the Cholesky root of a small symmetric matrix on the host, in double precision. */
final class CholeskyInverse {
    private CholeskyInverse() {}

    /**
     * With G = C C^T, C lower triangular: C^-1. The columns of Y C^-T are orthonormal where G = Y^T Y.
     *
     * @param matrix G, row-major [n, n], of which the lower half is read; not modified
     * @param dependent the least share of a diagonal entry that the rows above may leave of it
     * @return row-major [n, n], zero above the diagonal; null if G is not positive definite by that share
     * @throws IllegalArgumentException if G holds NaN or infinity on its diagonal
     */
    static double[] of(double[] matrix, int n, double dependent) {
        double[] root = new double[n * n];
        for (int j = 0; j < n; j++) {
            double diagonal = matrix[j * n + j];
            if (!Double.isFinite(diagonal)) {
                throw new IllegalArgumentException("root of a matrix with a value of " + diagonal);
            }
            double left = diagonal;
            for (int k = 0; k < j; k++) {
                left -= root[j * n + k] * root[j * n + k];
            }
            if (!(left > dependent * diagonal)) {
                return null;
            }
            root[j * n + j] = Math.sqrt(left);
            for (int i = j + 1; i < n; i++) {
                double sum = matrix[i * n + j];
                for (int k = 0; k < j; k++) {
                    sum -= root[i * n + k] * root[j * n + k];
                }
                root[i * n + j] = sum / root[j * n + j];
            }
        }
        return inverse(root, n);
    }

    private static double[] inverse(double[] root, int n) {
        double[] inverse = new double[n * n];
        for (int c = 0; c < n; c++) {
            inverse[c * n + c] = 1 / root[c * n + c];
            for (int i = c + 1; i < n; i++) {
                double sum = 0;
                for (int k = c; k < i; k++) {
                    sum -= root[i * n + k] * inverse[k * n + c];
                }
                inverse[i * n + c] = sum / root[i * n + i];
            }
        }
        return inverse;
    }
}
