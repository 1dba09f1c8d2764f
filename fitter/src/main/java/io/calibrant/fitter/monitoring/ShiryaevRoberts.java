package io.calibrant.fitter.monitoring;

import java.util.Arrays;

/**
 * Shiryaev-Roberts sums of step bets against p-values that are not too small too often. Each bet on a threshold q
 * stakes the share a of what is held,
 *
 * <pre>
 * f(p) = 1 - a + (a / q) [p <= q],    R_t = (1 + R_(t-1)) f(p_t)
 * </pre>
 *
 * <p>and where p is at most q with probability q or less f is 1 on average or less, so that R_t - t does not grow on
 * average. Alarm where the mean of R over all q and a reaches M: M questions or more are expected until a false one
 * (Shin, Ramdas, Rinaldo 2024, E-detectors), whenever and however often one looks. Immutable.
 */
public final class ShiryaevRoberts {
    private static final double[] THRESHOLDS = {.003, .005, .01, .02, .05, .1, .2};
    private static final double[] STAKES = {.02, .05, .1, .2, .5};

    /** Number of sums. */
    public static final int LENGTH = THRESHOLDS.length * STAKES.length;

    /** Before the first question. */
    public static final ShiryaevRoberts START = new ShiryaevRoberts(new double[LENGTH]);

    private final double[] sums;

    private ShiryaevRoberts(double[] sums) {
        this.sums = sums;
    }

    /**
     * Sums that were written down.
     *
     * @param sums what {@link #toDoubles()} gave; copied
     * @throws IllegalArgumentException unless there are {@link #LENGTH}
     */
    public static ShiryaevRoberts ofDoubles(double[] sums) {
        if (sums.length != LENGTH) {
            throw new IllegalArgumentException(LENGTH + " sums are expected, found " + sums.length);
        }
        return new ShiryaevRoberts(sums.clone());
    }

    /** All there is to write down; a copy. */
    public double[] toDoubles() {
        return sums.clone();
    }

    /** After one more question, with its {@link CorrectedPValue}. */
    public ShiryaevRoberts next(double pValue) {
        double[] next = new double[LENGTH];
        int i = 0;
        for (double q : THRESHOLDS) {
            for (double a : STAKES) {
                next[i] = (1 + sums[i]) * (1 - a + (pValue <= q ? a / q : 0));
                i++;
            }
        }
        return new ShiryaevRoberts(next);
    }

    /** Mean of the sums. */
    public double value() {
        return Arrays.stream(sums).sum() / LENGTH;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ShiryaevRoberts others && Arrays.equals(sums, others.sums);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(sums);
    }
}
