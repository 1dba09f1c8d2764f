package io.calibrant.fitter.link;

/** Links without an integral. */
final class ClosedForms {
    private static final double PI_EIGHTH = Math.PI / 8;

    private ClosedForms() {}

    /**
     * p_k proportional to 1 / sum_j exp(-(z_k - z_j) / sqrt(1 + pi/8 v_kj)): the pairwise probit, which sees
     * differences of logits only and so does not change when a constant, certain or not, is added to all of them.
     *
     * @param mean z [C]
     * @param covariance [C, C]
     */
    static double[] meanField(double[] mean, double[][] covariance) {
        int c = mean.length;
        double[] logits = new double[c];
        double[] terms = new double[c];
        for (int k = 0; k < c; k++) {
            double top = 0;
            for (int j = 0; j < c; j++) {
                double variance = Math.max(0, covariance[k][k] + covariance[j][j] - 2 * covariance[k][j]);
                terms[j] = j == k ? 0 : (mean[j] - mean[k]) / Math.sqrt(1 + PI_EIGHTH * variance);
                top = Math.max(top, terms[j]);
            }
            double sum = 0;
            for (double term : terms) {
                sum += Math.exp(term - top);
            }
            logits[k] = -(top + Math.log(sum));
        }
        return Softmax.of(logits);
    }

    /**
     * softmax(z_k / sqrt(1 + pi/8 v_k)): the usual diagonal probit. It depends on what is common to all logits, hence
     * on how they are centred.
     *
     * @param mean z [C]
     * @param covariance [C, C]; its diagonal is used
     */
    static double[] probit(double[] mean, double[][] covariance) {
        double[] logits = new double[mean.length];
        for (int k = 0; k < logits.length; k++) {
            logits[k] = mean[k] / Math.sqrt(1 + PI_EIGHTH * Math.max(0, covariance[k][k]));
        }
        return Softmax.of(logits);
    }
}
