package io.calibrant.fitter.metrics;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Area under the ROC curve: how well a score tells two kinds of questions apart. */
public final class Auroc {
    private Auroc() {}

    /**
     * The probability that a score of the one kind exceeds one of the other, ties counting half (Mann and Whitney
     * 1947): 1 tells them apart, 0.5 is chance.
     *
     * @param positives scores that should be high, such as the entropies of wrong answers; not modified
     * @param negatives scores that should be low; not modified
     * @throws IllegalArgumentException if either kind is missing or a score is not a number
     */
    public static double of(double[] positives, double[] negatives) {
        if (positives.length == 0 || negatives.length == 0) {
            throw new IllegalArgumentException("an area under the ROC curve needs questions of both kinds, found "
                    + positives.length + " and " + negatives.length);
        }
        int n = positives.length + negatives.length;
        double[] scores = Arrays.copyOf(positives, n);
        System.arraycopy(negatives, 0, scores, positives.length, negatives.length);
        if (Arrays.stream(scores).anyMatch(Double::isNaN)) {
            throw new IllegalArgumentException("a score is NaN");
        }
        Integer[] ranked = IntStream.range(0, n).boxed().toArray(Integer[]::new);
        Arrays.sort(ranked, Comparator.comparingDouble(i -> scores[i]));
        double ranks = 0;
        for (int from = 0, to = 0; from < n; from = to) {
            int tied = 0;
            while (to < n && scores[ranked[to]] == scores[ranked[from]]) {
                tied += ranked[to++] < positives.length ? 1 : 0;
            }
            ranks += tied * (from + to + 1) / 2.0; // ranks from + 1 to to, each their mean
        }
        double least = positives.length * (positives.length + 1.0) / 2;
        return (ranks - least) / ((double) positives.length * negatives.length);
    }
}
