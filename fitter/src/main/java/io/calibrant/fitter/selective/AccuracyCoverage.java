package io.calibrant.fitter.selective;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The accuracy-coverage curve: of the k answers with the highest confidence, how many are right, for every k (Geifman
 * and El-Yaniv 2017). Of equal confidences the one that comes first is taken first. Immutable.
 */
public final class AccuracyCoverage {
    /** Level of the band by default. */
    public static final double LEVEL = 0.95;

    /** [n], descending. */
    private final double[] confidence;

    /** [n]: wrong ones among the first k + 1. */
    private final int[] wrong;

    private AccuracyCoverage(double[] confidence, int[] wrong) {
        this.confidence = confidence;
        this.wrong = wrong;
    }

    /**
     * A point of the curve. Given the confidence of the next answer, the k above it are independent and of one kind, so
     * that the interval, exact for a binomial count, holds with its level at every point on its own.
     *
     * @param coverage k / n
     * @param confidence of the k-th answer: the others have at least this
     * @param accuracy share of the k that are right
     * @param lower end of the interval of the accuracy
     * @param upper its other end
     */
    public record Point(double coverage, double confidence, double accuracy, double lower, double upper) {}

    /**
     * The curve of some answers.
     *
     * @param answers at least one; not modified
     * @throws IllegalArgumentException if there are none
     */
    public static AccuracyCoverage of(List<GradedAnswer> answers) {
        if (answers.isEmpty()) {
            throw new IllegalArgumentException("a curve needs at least one labelled answer, got none");
        }
        List<GradedAnswer> sorted = answers.stream()
                .sorted(Comparator.comparingDouble(GradedAnswer::confidence).reversed())
                .toList(); // stable
        double[] confidence = new double[sorted.size()];
        int[] wrong = new int[sorted.size()];
        int count = 0;
        for (int i = 0; i < wrong.length; i++) {
            count += sorted.get(i).right() ? 0 : 1;
            confidence[i] = sorted.get(i).confidence();
            wrong[i] = count;
        }
        return new AccuracyCoverage(confidence, wrong);
    }

    /** n. */
    public int answers() {
        return wrong.length;
    }

    /**
     * Area under the risk-coverage curve: the mean over k = 1 .. n of the share of wrong ones among the first k. Lower
     * is better; it lies between {@link #bestAurc} and 1.
     */
    public double aurc() {
        double sum = 0;
        for (int k = 1; k <= wrong.length; k++) {
            sum += (double) wrong[k - 1] / k;
        }
        return sum / wrong.length;
    }

    /** The same of the best order there is, all right answers before all wrong ones. */
    public double bestAurc() {
        int n = wrong.length;
        int right = n - wrong[n - 1];
        double sum = 0;
        for (int k = right + 1; k <= n; k++) {
            sum += (double) (k - right) / k;
        }
        return sum / n;
    }

    /** The same of a random order, in the mean: the share of wrong answers. */
    public double randomAurc() {
        return (double) wrong[wrong.length - 1] / wrong.length;
    }

    /** Share of right answers among the k = coverage x n most confident, at least one of them. */
    public double accuracy(double coverage) {
        int k = Math.max(1, Math.min(wrong.length, (int) Math.round(coverage * wrong.length)));
        return 1 - (double) wrong[k - 1] / k;
    }

    /** {@link #points(int, double)} with a band of 95%. */
    public List<Point> points(int most) {
        return points(most, LEVEL);
    }

    /**
     * Points of the curve at equal steps of the coverage, the last one at 1.
     *
     * @param most how many points, at least 1; fewer where there are fewer answers
     * @param level of the interval at each point, above 0 and below 1
     */
    public List<Point> points(int most, double level) {
        int n = wrong.length;
        int count = Math.min(most, n);
        List<Point> points = new ArrayList<>(count);
        for (int i = 1; i <= count; i++) {
            int k = (int) ((long) i * n / count);
            double[] interval = BinomialTail.accuracy(wrong[k - 1], k, level);
            points.add(new Point(
                    (double) k / n, confidence[k - 1], 1 - (double) wrong[k - 1] / k, interval[0], interval[1]));
        }
        return List.copyOf(points);
    }
}
