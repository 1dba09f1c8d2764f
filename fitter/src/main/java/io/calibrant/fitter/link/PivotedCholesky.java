package io.calibrant.fitter.link;

/**
 * Cholesky factor of a positive semi-definite matrix with diagonal pivoting (Higham, Accuracy and Stability of
 * Numerical Algorithms, section 10.3). The rank falls out of it, so nothing needs to be added to the diagonal; and the
 * pivots put the largest variance on the first Sobol dimension, which is the most even.
 */
final class PivotedCholesky {
    private static final double ROUNDING = 1e-13;
    private static final double TIE = 1e-11;
    private static final double INDEFINITE = 1e-8;

    private PivotedCholesky() {}

    /**
     * L with L L^T = the matrix.
     *
     * @param matrix [C, C], symmetric; not modified
     * @param columns columns of L; the rank must not exceed it (C - 1 for centred logits)
     * @param preference [C], decides between equal pivots, the larger first. The last two rows of a centred covariance
     *     always tie, and which of them comes first must not depend on the order of the classes
     * @return [C, columns], columns past the rank are zero
     * @throws IllegalArgumentException if the matrix is indefinite beyond rounding
     */
    static double[][] factor(double[][] matrix, int columns, double[] preference) {
        int c = matrix.length;
        double[][] rest = new double[c][];
        double scale = 0;
        for (int i = 0; i < c; i++) {
            rest[i] = matrix[i].clone();
            scale = Math.max(scale, Math.abs(matrix[i][i]));
        }
        double[][] factor = new double[c][columns];
        for (int k = 0; k < columns; k++) {
            int pivot = 0;
            for (int i = 1; i < c; i++) {
                double lead = rest[i][i] - rest[pivot][pivot];
                boolean tie = Math.abs(lead) <= TIE * scale;
                if (tie ? preference[i] > preference[pivot] : lead > 0) {
                    pivot = i;
                }
            }
            if (rest[pivot][pivot] <= ROUNDING * c * scale) {
                break;
            }
            double root = Math.sqrt(rest[pivot][pivot]);
            for (int i = 0; i < c; i++) {
                factor[i][k] = rest[i][pivot] / root;
            }
            for (int i = 0; i < c; i++) {
                for (int j = 0; j < c; j++) {
                    rest[i][j] -= factor[i][k] * factor[j][k];
                }
            }
        }
        for (int i = 0; i < c; i++) {
            for (int j = 0; j < c; j++) {
                if (!(Math.abs(rest[i][j]) <= INDEFINITE * scale)) {
                    throw new IllegalArgumentException(
                            "covariance is not positive semi-definite: off by " + rest[i][j] + " at scale " + scale);
                }
            }
        }
        return factor;
    }
}
