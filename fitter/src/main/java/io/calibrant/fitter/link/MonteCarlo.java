package io.calibrant.fitter.link;

/**
 * The average of softmax, and of its entropy, over given standard normal points. Probabilities are averaged, never
 * logits.
 */
final class MonteCarlo {
    private MonteCarlo() {}

    /**
     * @param logits the Gaussian
     * @param points [points, C - 1], standard normal
     */
    static Prediction predict(CentredLogits logits, double[][] points) {
        int c = logits.mean().length;
        double[][] factor = PivotedCholesky.factor(logits.covariance(), c - 1, logits.mean());
        double[] sum = new double[c];
        double[] z = new double[c];
        double expectedEntropy = 0;
        for (double[] point : points) {
            for (int i = 0; i < c; i++) {
                double value = logits.mean()[i];
                double[] row = factor[i];
                for (int j = 0; j < row.length; j++) {
                    value += row[j] * point[j];
                }
                z[i] = value;
            }
            expectedEntropy += Softmax.inPlace(z);
            for (int i = 0; i < c; i++) {
                sum[i] += z[i];
            }
        }
        for (int i = 0; i < c; i++) {
            sum[i] /= points.length;
        }
        return Prediction.of(sum, expectedEntropy / points.length);
    }
}
