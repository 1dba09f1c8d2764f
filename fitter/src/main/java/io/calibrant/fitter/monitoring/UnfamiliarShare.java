package io.calibrant.fitter.monitoring;

import io.calibrant.fitter.familiarity.ScoreCalibration;
import org.hipparchus.distribution.continuous.BetaDistribution;

/** Whether more questions are unfamiliar than there should be. */
public final class UnfamiliarShare {
    /**
     * Twice the share of unfamiliar questions among those that are like the calibration questions: what a small
     * calibration set is off by stays below it.
     */
    private static final double MOST = 2 * ScoreCalibration.UNFAMILIAR;

    private static final double CONFIDENCE = 0.99;

    private UnfamiliarShare() {}

    /**
     * Whether certainly more than one in ten questions are unfamiliar: the lower 99% limit of the share (Clopper and
     * Pearson 1934) is above it. What rests on the served probabilities alone does not hold then.
     *
     * @param unfamiliar questions, of {@code judged}
     */
    public static boolean isTooLarge(long unfamiliar, long judged) {
        if (unfamiliar <= MOST * judged) {
            return false;
        }
        return 1 - new BetaDistribution(unfamiliar, judged - unfamiliar + 1.0).cumulativeProbability(MOST)
                >= CONFIDENCE;
    }
}
