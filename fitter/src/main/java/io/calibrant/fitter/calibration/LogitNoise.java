package io.calibrant.fitter.calibration;

import java.util.Arrays;
import java.util.OptionalDouble;

/**
 * The noise of a logit (method.md section 5d): one variance v for every logit of every question, which stands for the
 * covariances of single questions where these cost too much. It is read off the posterior; no label is used.
 */
public final class LogitNoise {
    /** Fewer questions say too little of the others. */
    public static final int FEWEST = 20;

    private LogitNoise() {}

    /**
     * The variance of a logit that one question has on average: trace(H Sigma H) / (C - 1), H = I - 11^T / C, Sigma the
     * covariance of the C logits. It does not depend on which class is the reference.
     *
     * @param contrasts covariance of y_c = z_c - z_C, [C - 1, C - 1]; not modified
     */
    public static double variance(double[][] contrasts) {
        double trace = 0;
        double sum = 0;
        for (int i = 0; i < contrasts.length; i++) {
            trace += contrasts[i][i];
            for (double value : contrasts[i]) {
                sum += value;
            }
        }
        return Math.max(0, trace - sum / (contrasts.length + 1)) / contrasts.length;
    }

    /**
     * v, the median.
     *
     * @param variances of single questions, in any order; not modified
     * @return empty for fewer than {@link #FEWEST}
     */
    public static OptionalDouble median(double[] variances) {
        int n = variances.length;
        if (n < FEWEST) {
            return OptionalDouble.empty();
        }
        double[] sorted = variances.clone();
        Arrays.sort(sorted);
        return OptionalDouble.of((sorted[(n - 1) / 2] + sorted[n / 2]) / 2);
    }

    /**
     * The covariance of the contrasts of logits that are independent and of one variance: v (I + 11^T).
     *
     * @param contrasts C - 1
     * @return [C - 1, C - 1]
     */
    static double[][] covariance(int contrasts, double variance) {
        double[][] covariance = new double[contrasts][contrasts];
        for (int i = 0; i < contrasts; i++) {
            Arrays.fill(covariance[i], variance);
            covariance[i][i] = 2 * variance;
        }
        return covariance;
    }
}
