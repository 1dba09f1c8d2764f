package io.calibrant.fitter.selective;

import io.calibrant.fitter.metrics.LabelledProbabilities;

/**
 * An answer whose label is known, as far as accepting it is concerned.
 *
 * @param confidence the largest probability, 0 to 1
 * @param right whether it is on the true class
 */
public record GradedAnswer(double confidence, boolean right) {
    /** Checks the confidence. @throws IllegalArgumentException if it is not within 0 and 1 */
    public GradedAnswer {
        if (!(confidence >= 0 && confidence <= 1)) {
            throw new IllegalArgumentException("confidence must be 0 to 1, got " + confidence);
        }
    }

    /** The answer that takes the most probable class, the first of equals. */
    public static GradedAnswer of(LabelledProbabilities one) {
        return new GradedAnswer(one.confidence(), one.correct());
    }
}
