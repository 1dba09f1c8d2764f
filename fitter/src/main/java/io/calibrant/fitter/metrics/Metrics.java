package io.calibrant.fitter.metrics;

import java.util.List;

/**
 * The figures of a labelled set of predictions.
 *
 * @param n number of questions
 * @param accuracy share of questions whose largest probability is on the true class
 * @param nll mean of -log p of the true class, nats
 * @param ece expected calibration error of the largest probability over {@code bins} equal-width bins
 * @param brier mean of sum_c (p_c - y_c)^2, 0 to 2
 * @param bins number of bins of {@code ece}; the literature mixes 10 and 15, so it stands beside every figure
 */
public record Metrics(int n, double accuracy, double nll, double ece, double brier, int bins) {
    /** Bins of the calibration error by default. */
    public static final int DEFAULT_BINS = 15;

    /** {@link #of(List, int)} with {@value #DEFAULT_BINS} bins. */
    public static Metrics of(List<LabelledProbabilities> questions) {
        return of(questions, DEFAULT_BINS);
    }

    /**
     * The figures of some questions.
     *
     * @param questions at least one
     * @param bins at least one
     * @throws IllegalArgumentException if there are no questions or no bins
     */
    public static Metrics of(List<LabelledProbabilities> questions, int bins) {
        if (questions.isEmpty()) {
            throw new IllegalArgumentException("metrics need at least one labelled question, found none");
        }
        double correct = 0;
        double nll = 0;
        double brier = 0;
        for (LabelledProbabilities question : questions) {
            correct += question.correct() ? 1 : 0;
            nll += question.negativeLogLikelihood();
            brier += question.brier();
        }
        int n = questions.size();
        return new Metrics(
                n, correct / n, nll / n, Reliability.of(questions, bins).calibrationError(), brier / n, bins);
    }
}
