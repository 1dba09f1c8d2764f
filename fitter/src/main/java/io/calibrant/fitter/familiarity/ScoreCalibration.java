package io.calibrant.fitter.familiarity;

import java.util.Arrays;
import java.util.List;

/**
 * Scores of known questions, among which another one's is ranked: conformal p-values, and how far probabilities are
 * softened under shift (method.md section 6). Immutable.
 */
public final class ScoreCalibration {
    /** From this p-value down a question is unfamiliar. */
    public static final double UNFAMILIAR = 0.05;

    /** Scores of so many validation questions are enough without those of training questions. */
    public static final int ENOUGH = 300;

    /** A spread of fewer scores is no measure. */
    private static final int FEWEST = 20;

    /** The standard deviation of a normal distribution over its median absolute deviation. */
    private static final double NORMAL = 1.4826;

    private static final double MOST_SOFTENED = 0.9;
    private static final double SOFT_FROM = 4;
    private static final double SOFT_OVER = 2;

    private final double[] ascending;
    private final double median;
    private final double deviation;

    /** @param scores of known questions, in any order; not modified */
    public ScoreCalibration(double... scores) {
        ascending = scores.clone();
        Arrays.sort(ascending);
        median = median(ascending);
        double[] distances =
                Arrays.stream(ascending).map(s -> Math.abs(s - median)).sorted().toArray();
        deviation = NORMAL * median(distances);
    }

    /** Scores in ascending order. */
    public static List<Double> ascending(double... scores) {
        return Arrays.stream(scores).sorted().boxed().toList();
    }

    private static double median(double[] sorted) {
        int half = sorted.length / 2;
        if (sorted.length == 0) {
            return Double.NaN;
        }
        return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }

    /**
     * The same without some of the scores.
     *
     * @param left out, each once, in any order; those that are none of the scores change nothing; not modified
     */
    public ScoreCalibration without(double... left) {
        double[] out = left.clone();
        Arrays.sort(out);
        double[] rest = new double[ascending.length];
        int kept = 0;
        int next = 0;
        for (double score : ascending) {
            while (next < out.length && out[next] < score) {
                next++;
            }
            if (next < out.length && out[next] == score) {
                next++;
            } else {
                rest[kept++] = score;
            }
        }
        return new ScoreCalibration(Arrays.copyOf(rest, kept));
    }

    /** How many scores there are. */
    public int size() {
        return ascending.length;
    }

    /**
     * The conformal p-value (1 + #{known scores at or above s}) / (1 + n): uniform at most for a question of the same
     * kind.
     */
    public double pValue(double score) {
        return pValue(atLeast(score), ascending.length);
    }

    /** The p-value that one of the known scores has among the others. */
    public double pValueOfKnown(double score) {
        return pValue(Math.max(0, atLeast(score) - 1), Math.max(0, ascending.length - 1));
    }

    /** How many known scores are at or above one. */
    private int atLeast(double score) {
        int below = 0;
        int end = ascending.length;
        while (below < end) {
            int middle = (below + end) >>> 1;
            if (ascending[middle] < score) {
                below = middle + 1;
            } else {
                end = middle;
            }
        }
        return ascending.length - below;
    }

    /**
     * The conformal p-value (1 + k) / (1 + n).
     *
     * @param atLeast k, the known scores at or above the question's
     * @param scores n
     */
    public static double pValue(long atLeast, long scores) {
        return (1.0 + atLeast) / (1.0 + scores);
    }

    /** Whether a question with this conformal p-value is unfamiliar. */
    public static boolean isUnfamiliar(double pValue) {
        return pValue <= UNFAMILIAR;
    }

    /** z = (s - median) / (1.4826 MAD); 0 where there are too few scores, or they are all alike. */
    public double deviations(double score) {
        return ascending.length < FEWEST || !(deviation > 0) ? 0 : (score - median) / deviation;
    }

    /**
     * g = .9 clip((z - 4) / 2, 0, 1): the probabilities of an unfamiliar question become (1 - g) p + g / C. 0 where the
     * p-value says that such questions have been checked: their labels are among those of the known scores.
     */
    public double softening(double score) {
        double beyond = (deviations(score) - SOFT_FROM) / SOFT_OVER;
        return isUnfamiliar(pValue(score)) ? MOST_SOFTENED * Math.max(0, Math.min(1, beyond)) : 0;
    }

    /** (1 - g) p + g / C: the most probable class stays the most probable. */
    public static double[] softened(double[] probabilities, double g) {
        return Arrays.stream(probabilities)
                .map(p -> (1 - g) * p + g / probabilities.length)
                .toArray();
    }
}
