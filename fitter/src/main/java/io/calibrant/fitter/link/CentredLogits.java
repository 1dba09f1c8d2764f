package io.calibrant.fitter.link;

/**
 * The Gaussian of the C logits with their mean over the classes taken out: softmax does not see the difference, and no
 * class is singled out as the reference, so that permuting the classes permutes everything that is computed from here.
 */
final class CentredLogits {
    private final double[] mean;
    private final double[][] covariance;

    private CentredLogits(double[] mean, double[][] covariance) {
        this.mean = mean;
        this.covariance = covariance;
    }

    /** [C], itself: read only. */
    double[] mean() {
        return mean;
    }

    /** [C, C], of rank C - 1 at most; itself: read only. */
    double[][] covariance() {
        return covariance;
    }

    /**
     * H [y, 0] with H = I - 11^T / C.
     *
     * @param mean contrasts [C - 1]; not modified
     * @param covariance [C - 1, C - 1]; not modified
     * @throws IllegalArgumentException if the shapes disagree or a number is not finite
     */
    static CentredLogits ofContrasts(double[] mean, double[][] covariance) {
        int c = mean.length + 1;
        if (covariance.length != mean.length) {
            throw new IllegalArgumentException(
                    "covariance has " + covariance.length + " rows for " + mean.length + " contrasts");
        }
        for (int i = 0; i < c - 1; i++) {
            if (covariance[i].length != mean.length) {
                throw new IllegalArgumentException("row " + i + " of the covariance has " + covariance[i].length
                        + " columns for " + mean.length + " contrasts");
            }
        }
        double[] z = new double[c];
        double[][] sigma = new double[c][c];
        for (int i = 0; i < c - 1; i++) {
            z[i] = finite(mean[i], "contrast mean");
            for (int j = 0; j < c - 1; j++) {
                sigma[i][j] = 0.5 * (finite(covariance[i][j], "contrast covariance") + covariance[j][i]);
            }
        }
        centre(z);
        for (double[] row : sigma) {
            centre(row);
        }
        for (int j = 0; j < c; j++) {
            double average = 0;
            for (double[] row : sigma) {
                average += row[j] / c;
            }
            for (double[] row : sigma) {
                row[j] -= average;
            }
        }
        return new CentredLogits(z, sigma);
    }

    private static double finite(double value, String what) {
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException(what + " is " + value);
        }
        return value;
    }

    private static void centre(double[] values) {
        double average = 0;
        for (double value : values) {
            average += value / values.length;
        }
        for (int i = 0; i < values.length; i++) {
            values[i] -= average;
        }
    }
}
