package io.calibrant.fitter.link;

/**
 * A question's Gaussian of logits by the points of a {@link Link}: z and A eps_m with A A^T = Sigma, so that z / T + sqrt(c) A eps_m
 * are points of N(z / T, c Sigma) for every T and c, the same that the link itself would take there. Immutable.
 */
public final class SampledLogits {
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
        double[][] factor = PivotedCholesky.factor(logits.covariance(), mean.length - 1, mean);
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
