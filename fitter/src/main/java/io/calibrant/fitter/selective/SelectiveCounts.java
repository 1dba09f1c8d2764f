package io.calibrant.fitter.selective;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.hipparchus.special.Erf;

/**
 * All that thresholds of any target need of labelled answers: how many lie between two thresholds of the grid, and how
 * many of those are wrong. At most one cell a threshold, whatever the number of answers. Immutable.
 *
 * <p><b>The guarantee.</b> H_t: of all answers with a confidence of t or more, less than a are right. Given their
 * number m, the number of wrong ones among the labelled is binomial, so p_t = P(Bin(m, 1 - a) <= wrong) is a p-value of
 * H_t for any number of labels, also where a higher confidence is less often right. The thresholds are tested from the
 * top, each at the level that its own weight of delta and that of its predecessors have left it: a threshold that is
 * rejected hands its level on to the next one, any other loses it (fixed-sequence testing with several starts,
 * Angelopoulos et al., Learn then Test; with the level handed on it is the fallback procedure, Wiens 2003). The weights
 * depend on a and n alone and sum to 1, so at most delta is ever spent on true hypotheses: let a true H_t be the first
 * that is rejected. The last true one before it was not, so its level is at most delta times the weights between the
 * two. Summed over the true ones these weights are 1 at most.
 *
 * <p>One start at the top would need enough labelled answers above the very first threshold. The main start is where
 * the confidence itself promises the target; others are where it promises fewer errors, for probabilities that are too
 * high, or more of them, for those that are too low; the last one accepts all. A start that n answers can hardly prove
 * leaves its weight to the main one, which has all of it where labels are few.
 */
public final class SelectiveCounts {
    /** No answers. */
    public static final SelectiveCounts NONE =
            new SelectiveCounts(new int[ThresholdGrid.size()], new int[ThresholdGrid.size()]);

    /** A start is where the confidence is 1 - (1 - a) x this. */
    private static final double[] STARTS = {0.02, 0.25, 1, 3, Double.POSITIVE_INFINITY};

    /** What of delta each start has, where there are enough labels. */
    private static final double[] WEIGHTS = {0.1, 0.2, 0.5, 0.1, 0.1};

    /** A start has its weight where this share of the n answers would be enough to prove it, none of them wrong. */
    private static final double[] COVERAGES = {0.25, 0.25, 1, 0.5, 1};

    /** The start that has what the others leave. */
    private static final int MAIN = 2;

    /** Fewer answers than this say nothing about how many are wrong above a threshold. */
    private static final int FEWEST_TO_ESTIMATE = 10;

    /** Nobody labels more accepted answers than this. */
    private static final int MOST_LABELS = 1_000_000;

    /** [thresholds]: answers from this threshold up to the one above it. */
    private final int[] answers;

    private final int[] wrong;

    private SelectiveCounts(int[] answers, int[] wrong) {
        this.answers = answers;
        this.wrong = wrong;
    }

    /**
     * Answers between two thresholds.
     *
     * @param from the lower one, inclusive
     * @param answers how many
     * @param wrong how many of them are not right
     */
    public record Cell(double from, int answers, int wrong) {
        /** Checks the counts. @throws IllegalArgumentException if they are none */
        public Cell {
            if (!(from >= 0 && from <= 1) || wrong < 0 || wrong > answers) {
                throw new IllegalArgumentException(
                        "a cell from " + from + " cannot have " + wrong + " wrong of " + answers + " answers");
            }
        }
    }

    /** The counts of some answers, possibly none. */
    public static SelectiveCounts of(Collection<GradedAnswer> graded) {
        int[] answers = new int[ThresholdGrid.size()];
        int[] wrong = new int[ThresholdGrid.size()];
        for (GradedAnswer each : graded) {
            int j = ThresholdGrid.firstAtMost(each.confidence());
            answers[j]++;
            wrong[j] += each.right() ? 0 : 1;
        }
        return new SelectiveCounts(answers, wrong);
    }

    /**
     * The counts that were written down, also by somebody with other thresholds: each cell counts from the next lower.
     */
    public static SelectiveCounts ofCells(Collection<Cell> cells) {
        int[] answers = new int[ThresholdGrid.size()];
        int[] wrong = new int[ThresholdGrid.size()];
        for (Cell cell : cells) {
            int j = ThresholdGrid.firstAtMost(cell.from());
            answers[j] += cell.answers();
            wrong[j] += cell.wrong();
        }
        return new SelectiveCounts(answers, wrong);
    }

    /** The cells that are not empty, from the top. */
    public List<Cell> cells() {
        List<Cell> cells = new ArrayList<>();
        for (int j = 0; j < answers.length; j++) {
            if (answers[j] > 0) {
                cells.add(new Cell(ThresholdGrid.at(j), answers[j], wrong[j]));
            }
        }
        return List.copyOf(cells);
    }

    /** n. */
    public int labels() {
        int n = 0;
        for (int each : answers) {
            n += each;
        }
        return n;
    }

    /** The lowest threshold above which the target is kept, or why there is none. */
    public Acceptance acceptance(TargetAccuracy target) {
        int n = labels();
        double[] weights = new double[answers.length];
        double[] shares = shares(n, target);
        for (int s = 0; s < STARTS.length; s++) {
            weights[start(s, target)] += shares[s];
        }
        double level = 0;
        int m = 0;
        int errors = 0;
        Acceptance found = null;
        for (int j = 0; j < answers.length; j++) {
            m += answers[j];
            errors += wrong[j];
            level += weights[j] * target.delta();
            if (level > 0 && BinomialTail.atMost(errors, m, 1 - target.accuracy()) <= level) {
                found = new Acceptance(target, n, Acceptance.Verdict.GUARANTEED, ThresholdGrid.at(j), m, errors, 0);
            } else {
                level = 0;
            }
        }
        return found == null ? without(target, n) : found;
    }

    /** What of delta each start has with n labels; they sum to 1. */
    private static double[] shares(double n, TargetAccuracy target) {
        double[] shares = WEIGHTS.clone();
        for (int s = 0; s < shares.length; s++) {
            if (s != MAIN && n * COVERAGES[s] < fewest(target, WEIGHTS[s])) {
                shares[MAIN] += shares[s];
                shares[s] = 0;
            }
        }
        return shares;
    }

    private static int start(int s, TargetAccuracy target) {
        // 1e-9: 1 - (1 - .95) is just below .95.
        return ThresholdGrid.firstAtMost(1 - (1 - target.accuracy()) * STARTS[s] + 1e-9);
    }

    /** How many accepted answers prove the target with a share of delta, none of them wrong. */
    private static long fewest(TargetAccuracy target, double share) {
        return (long) Math.ceil(Math.log(share * target.delta()) / Math.log(target.accuracy()) - 1e-9);
    }

    /**
     * No start has passed. About how many labels one of them takes, if the share of wrong answers stays as it is. Where
     * it stays too large at every start with enough answers, one with few of them is left, as long as these are right.
     */
    private Acceptance without(TargetAccuracy target, int n) {
        long fewest = fewest(target, 1);
        double least = Double.POSITIVE_INFINITY;
        double leastOfFew = Double.POSITIVE_INFINITY;
        for (int s = 0; s < STARTS.length; s++) {
            int m = 0;
            int errors = 0;
            for (int j = 0; j <= start(s, target); j++) {
                m += answers[j];
                errors += wrong[j];
            }
            if (m >= FEWEST_TO_ESTIMATE) {
                double wrongShare = (double) errors / m;
                double first = accepted(target, Math.max(WEIGHTS[s], shares(n, target)[s]), wrongShare) * n / m;
                double then = Math.max(WEIGHTS[s], shares(first, target)[s]); // which that many labels leave it
                least = Math.min(least, accepted(target, then, wrongShare) * n / m);
            } else if (m > 0 && errors == 0) {
                leastOfFew = Math.min(leastOfFew, accepted(target, WEIGHTS[s], 0) * n / m);
            }
        }
        if (Double.isInfinite(least) && n >= fewest) {
            least = leastOfFew;
        }
        if (Double.isInfinite(least) && n >= fewest) {
            return new Acceptance(target, n, Acceptance.Verdict.OUT_OF_REACH, Double.NaN, 0, 0, 0);
        }
        long needed = Double.isInfinite(least) ? fewest : Math.max(fewest, (long) Math.ceil(least));
        return new Acceptance(target, n, Acceptance.Verdict.TOO_FEW_LABELS, Double.NaN, 0, 0, Math.max(n + 1, needed));
    }

    /**
     * About how many accepted answers prove the target at this share of wrong ones, by the normal approximation;
     * infinite where no number does.
     *
     * @param share of delta
     */
    private static double accepted(TargetAccuracy target, double share, double wrongShare) {
        double may = 1 - target.accuracy();
        double z = Math.sqrt(2) * Erf.erfInv(1 - 2 * share * target.delta());
        double needed = z * z * may * (1 - may) / Math.pow(may - wrongShare, 2);
        if (wrongShare >= may || needed > MOST_LABELS) {
            return Double.POSITIVE_INFINITY;
        }
        long fewest = fewest(target, share);
        return wrongShare == 0 ? (double) fewest : Math.max((double) fewest, needed);
    }
}
