package io.calibrant.fitter.metrics;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/**
 * How sure one may be of the difference of two methods on the same questions: percentile intervals over resampled
 * questions (Efron and Tibshirani 1993, chapter 13). Both methods see the same resample, so what is common to them
 * cancels. Seeded.
 *
 * @param accuracy first minus second
 * @param nll first minus second
 * @param ece first minus second
 * @param brier first minus second
 */
public record PairedBootstrap(Interval accuracy, Interval nll, Interval ece, Interval brier) {
    /** Resamples by default. */
    public static final int RESAMPLES = 2000;

    /** With fewer questions there is no interval: the resamples of a handful say nothing about other questions. */
    public static final int FEWEST_QUESTIONS = 10;

    private static final double TAIL = 0.025;

    /**
     * A difference.
     *
     * @param estimate on the questions themselves
     * @param lower end of the 95% interval; NaN with fewer than {@link #FEWEST_QUESTIONS} questions
     * @param upper other end, or NaN
     */
    public record Interval(double estimate, double lower, double upper) {
        /** Whether there were enough questions for an interval. */
        public boolean isKnown() {
            return !Double.isNaN(lower);
        }

        /** Whether the whole interval lies above 0. */
        public boolean isAboveZero() {
            return lower > 0;
        }

        /** Whether the whole interval lies below 0. */
        public boolean isBelowZero() {
            return upper < 0;
        }
    }

    /** {@link #of(List, List, int, int, long)} with the usual bins and resamples, seed 0. */
    public static PairedBootstrap of(List<LabelledProbabilities> first, List<LabelledProbabilities> second) {
        return of(first, second, Metrics.DEFAULT_BINS, RESAMPLES, 0);
    }

    /**
     * 95% intervals of all differences.
     *
     * @param first predictions of the one method
     * @param second those of the other, same questions in the same order
     * @param bins of the calibration error
     * @param resamples at least 40
     * @throws IllegalArgumentException if the methods' questions differ in number or label, or there are none, or too
     *     few resamples
     */
    public static PairedBootstrap of(
            List<LabelledProbabilities> first, List<LabelledProbabilities> second, int bins, int resamples, long seed) {
        int n = first.size();
        if (n == 0 || n != second.size()) {
            throw new IllegalArgumentException(
                    "a paired comparison needs the same questions twice, found " + n + " and " + second.size());
        }
        for (int i = 0; i < n; i++) {
            if (first.get(i).label() != second.get(i).label()) {
                throw new IllegalArgumentException("question " + i + " has label "
                        + first.get(i).label() + " and " + second.get(i).label());
            }
        }
        if (resamples < 1 / TAIL) {
            throw new IllegalArgumentException("resamples must be 40 or more, got " + resamples);
        }
        Metrics a = Metrics.of(first, bins);
        Metrics b = Metrics.of(second, bins);
        if (n < FEWEST_QUESTIONS) {
            return new PairedBootstrap(
                    without(a.accuracy() - b.accuracy()),
                    without(a.nll() - b.nll()),
                    without(a.ece() - b.ece()),
                    without(a.brier() - b.brier()));
        }
        SplittableRandom random = new SplittableRandom(seed);
        List<Metrics> one = new ArrayList<>(resamples);
        List<Metrics> two = new ArrayList<>(resamples);
        for (int r = 0; r < resamples; r++) {
            List<LabelledProbabilities> some = new ArrayList<>(n);
            List<LabelledProbabilities> same = new ArrayList<>(n);
            for (int i = 0; i < n; i++) {
                int question = random.nextInt(n);
                some.add(first.get(question));
                same.add(second.get(question));
            }
            one.add(Metrics.of(some, bins));
            two.add(Metrics.of(same, bins));
        }
        return new PairedBootstrap(
                interval(a, b, one, two, Metrics::accuracy),
                interval(a, b, one, two, Metrics::nll),
                interval(a, b, one, two, Metrics::ece),
                interval(a, b, one, two, Metrics::brier));
    }

    private static Interval without(double estimate) {
        return new Interval(estimate, Double.NaN, Double.NaN);
    }

    private static Interval interval(
            Metrics first, Metrics second, List<Metrics> one, List<Metrics> two, ToDoubleFunction<Metrics> metric) {
        double[] differences = new double[one.size()];
        for (int b = 0; b < differences.length; b++) {
            differences[b] = metric.applyAsDouble(one.get(b)) - metric.applyAsDouble(two.get(b));
        }
        Arrays.sort(differences);
        int tail = (int) Math.round(TAIL * differences.length);
        return new Interval(
                metric.applyAsDouble(first) - metric.applyAsDouble(second),
                differences[tail],
                differences[differences.length - 1 - tail]);
    }
}
