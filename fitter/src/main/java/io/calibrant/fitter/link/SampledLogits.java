package io.calibrant.fitter.link;

/**
 * A question's Gaussian of logits by the points of a {@link Link}: z and A eps_m with A A^T = Sigma, so that z / T +
 * sqrt(c) A eps_m are points of N(z / T, c Sigma) for every T and c, the same that the link itself would take there.
 * Immutable.
 */
public final class SampledLogits {
    private static final double ROUNDING = 1e-13;

    private final double[] mean;
    private final double[][] deviations;

    private SampledLogits(double[] mean, double[][] deviations) {
        this.mean = mean;
        this.deviations = deviations;
    }

    /**
     * Factors the covariance once.
     *
     * @param logits the Gaussian of C logits
     * @param points eps [points, C - 1], standard normal
     */
    static SampledLogits of(CentredLogits logits, double[][] points) {
        double[] mean = logits.mean().clone();
        return of(mean, PivotedCholesky.factor(logits.covariance(), mean.length - 1, mean), points);
    }

    /**
     * The points of contrasts in the order in which they stand: they move smoothly with the covariance, where pivots
     * would jump.
     *
     * @param contrasts C - 1 means
     * @param covariance [C - 1, C - 1]
     * @param points eps [points, C - 1], standard normal
     */
    static SampledLogits inOrder(double[] contrasts, double[][] covariance, double[][] points) {
        int n = contrasts.length;
        double[][] root = new double[n + 1][n];
        double scale = 0;
        for (int i = 0; i < n; i++) {
            scale = Math.max(scale, covariance[i][i]);
        }
        for (int j = 0; j < n; j++) {
            for (int i = j; i < n; i++) {
                double rest = covariance[i][j];
                for (int k = 0; k < j; k++) {
                    rest -= root[i][k] * root[j][k];
                }
                // A pivot of nothing but rounding: the direction has no variance.
                boolean empty = i > j ? root[j][j] == 0 : rest <= ROUNDING * scale;
                root[i][j] = empty ? 0 : i > j ? rest / root[j][j] : Math.sqrt(rest);
            }
        }
        double[] mean = new double[n + 1];
        System.arraycopy(contrasts, 0, mean, 0, n);
        return of(mean, root, points);
    }

    private static SampledLogits of(double[] mean, double[][] factor, double[][] points) {
        double[][] deviations = new double[mean.length][points.length];
        for (int c = 0; c < mean.length; c++) {
            double[] row = factor[c];
            for (int m = 0; m < points.length; m++) {
                double sum = 0;
                for (int j = 0; j < row.length; j++) {
                    sum += row[j] * points[m][j];
                }
                deviations[c][m] = sum;
            }
        }
        return new SampledLogits(mean, deviations);
    }

    /** C. */
    public int classes() {
        return mean.length;
    }

    /** z_c - z_reference. */
    public double mean(int c, int reference) {
        return mean[c] - mean[reference];
    }

    /** (A eps_m)_c - (A eps_m)_reference for every point m; a new array. */
    public double[] deviations(int c, int reference) {
        double[] difference = deviations[c].clone();
        for (int m = 0; m < difference.length; m++) {
            difference[m] -= deviations[reference][m];
        }
        return difference;
    }
}
