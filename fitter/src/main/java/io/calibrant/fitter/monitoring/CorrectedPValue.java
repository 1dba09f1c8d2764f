package io.calibrant.fitter.monitoring;

import org.hipparchus.distribution.continuous.BetaDistribution;

/**
 * An upper bound of the tail probability of a question's score that holds, with 99% confidence, for the calibration set
 * at hand. The plain conformal p-value is only right on average over calibration sets, and an alarm that runs for
 * months meets the one it has.
 */
public final class CorrectedPValue {
    private static final double CONFIDENCE = 0.99;
    private static final double ACCURACY = 1e-12;

    private CorrectedPValue() {}

    /**
     * The 99% quantile of Beta(k + 1, n - k) (method.md section 7; Clopper and Pearson 1934).
     *
     * @param exceeding k, the calibration scores that are at least the question's
     * @param scores n, the calibration scores
     * @throws IllegalArgumentException unless 0 <= k <= n
     */
    public static double of(int exceeding, int scores) {
        if (exceeding < 0 || exceeding > scores) {
            throw new IllegalArgumentException(
                    "of " + scores + " calibration scores 0 to " + scores + " can exceed another, got " + exceeding);
        }
        return exceeding == scores
                ? 1
                : new BetaDistribution(exceeding + 1.0, scores - exceeding, ACCURACY)
                        .inverseCumulativeProbability(CONFIDENCE);
    }
}
