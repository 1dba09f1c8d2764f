package io.calibrant.fitter.metrics;

import java.util.ArrayList;
import java.util.List;

/**
 * The reliability table: predictions by the confidence of their argmax, in equal-width bins (lower, upper]; the first
 * also takes 0.
 *
 * @param bins from low to high confidence, empty ones included
 */
public record Reliability(List<Bin> bins) {
    public Reliability {
        bins = List.copyOf(bins);
    }

    /**
     * One bin.
     *
     * @param lower exclusive
     * @param upper inclusive
     * @param count predictions in it
     * @param confidence their mean confidence; 0 where there are none
     * @param accuracy share of them that are right; 0 where there are none
     */
    public record Bin(double lower, double upper, int count, double confidence, double accuracy) {}

    /**
     * The table of some questions.
     *
     * @param questions labelled predictions, possibly none
     * @param bins number of bins, at least one
     * @throws IllegalArgumentException if there is no bin
     */
    public static Reliability of(List<LabelledProbabilities> questions, int bins) {
        if (bins < 1) {
            throw new IllegalArgumentException("at least one bin is needed, found " + bins);
        }
        int[] count = new int[bins];
        double[] confidence = new double[bins];
        double[] correct = new double[bins];
        for (LabelledProbabilities question : questions) {
            int bin = bin(question.confidence(), bins);
            count[bin]++;
            confidence[bin] += question.confidence();
            correct[bin] += question.correct() ? 1 : 0;
        }
        List<Bin> table = new ArrayList<>(bins);
        for (int b = 0; b < bins; b++) {
            int n = Math.max(1, count[b]);
            table.add(new Bin(edge(b, bins), edge(b + 1, bins), count[b], confidence[b] / n, correct[b] / n));
        }
        return new Reliability(table);
    }

    /** ECE: the gap between accuracy and confidence, averaged over predictions; 0 where there are none. */
    public double calibrationError() {
        double total = 0;
        double gap = 0;
        for (Bin bin : bins) {
            total += bin.count();
            gap += bin.count() * Math.abs(bin.accuracy() - bin.confidence());
        }
        return total == 0 ? 0 : gap / total;
    }

    /**
     * The bin with lower < confidence <= upper, decided on the edges themselves: confidence * bins may round across
     * one.
     */
    static int bin(double confidence, int bins) {
        int guess = Math.max(0, Math.min(bins - 1, (int) Math.ceil(confidence * bins) - 1));
        if (confidence <= edge(guess, bins) && guess > 0) {
            return guess - 1;
        }
        return confidence > edge(guess + 1, bins) && guess < bins - 1 ? guess + 1 : guess;
    }

    static double edge(int bin, int bins) {
        return (double) bin / bins;
    }
}
