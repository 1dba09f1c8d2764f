package io.calibrant.fitter.selective;

/**
 * What accepted answers are to keep.
 *
 * @param accuracy a, the share of the accepted answers that is right at least, above 0 and below 1
 * @param confidence 1 - delta, the probability that this is so, above 0 and below 1
 */
public record TargetAccuracy(double accuracy, double confidence) {
    /** The probability of a guarantee unless told otherwise. */
    public static final double DEFAULT_CONFIDENCE = 0.95;

    /** What is shown where nobody has asked for another: 95% right with 95% confidence. */
    public static final TargetAccuracy DEFAULT = new TargetAccuracy(0.95, DEFAULT_CONFIDENCE);

    /** Checks both. @throws IllegalArgumentException naming the one that is no share */
    public TargetAccuracy {
        requireShare("accuracy", accuracy);
        requireShare("confidence", confidence);
    }

    private static void requireShare(String what, double value) {
        if (!isShare(value)) {
            throw new IllegalArgumentException(what + " must be above 0 and below 1, got " + value);
        }
    }

    /** Whether a number may be one of the two. */
    public static boolean isShare(double value) {
        return value > 0 && value < 1;
    }

    /** The probability that the guarantee may fail. */
    double delta() {
        return 1 - confidence;
    }
}
