package io.calibrant.fitter.metrics;

import java.util.ArrayList;
import java.util.List;

/**
 * Split-conformal sets of classes (LAC; Sadinle, Lei and Wasserman 2019): all classes whose 1 - p is at most the
 * threshold, which is the ceil((n + 1)(1 - alpha))-th smallest 1 - p of the true class over n validation answers. A new
 * question's true class is in its set with probability 1 - alpha at least, whatever the probabilities are worth, if it
 * is like those of the validation.
 *
 * @param alpha share of questions whose true class may be missed, above 0 and below 1
 * @param threshold largest 1 - p in a set; infinite, so that all classes are in, where there are too few answers to
 *     promise less
 */
public record ConformalSets(double alpha, double threshold) implements PredictionSets {
    public ConformalSets {
        requireShare(alpha);
    }

    /**
     * The sets that the validation answers call for.
     *
     * @param validation possibly none
     * @throws IllegalArgumentException if alpha is not between 0 and 1
     */
    public static ConformalSets calibrated(List<LabelledProbabilities> validation, double alpha) {
        requireShare(alpha);
        double[] scores = validation.stream()
                .mapToDouble(one -> 1 - one.probabilities()[one.label()])
                .sorted()
                .toArray();
        // 1e-9: (n + 1)(1 - alpha) may round just above a whole number.
        int rank = (int) Math.ceil((scores.length + 1) * (1 - alpha) - 1e-9);
        return new ConformalSets(alpha, rank > scores.length ? Double.POSITIVE_INFINITY : scores[rank - 1]);
    }

    private static void requireShare(double alpha) {
        if (!(alpha > 0 && alpha < 1)) {
            throw new IllegalArgumentException("alpha must be between 0 and 1, got " + alpha);
        }
    }

    /** Whether a class with this probability is in the set. */
    boolean holds(double probability) {
        return 1 - probability <= threshold;
    }

    @Override
    public List<Integer> of(double[] probabilities) {
        List<Integer> set = new ArrayList<>();
        for (int c = 0; c < probabilities.length; c++) {
            if (holds(probabilities[c])) {
                set.add(c);
            }
        }
        return set;
    }
}
