package io.calibrant.fitter.monitoring;

import java.util.Optional;

/**
 * An estimated share of right answers, with an interval that holds it in 95% of the cases.
 *
 * @param value the estimate
 * @param lower end of the interval, at least 0
 * @param upper end of the interval, at most 1
 */
public record AccuracyEstimate(double value, double lower, double upper) {
    /** The normal interval of a mean needs so many right answers, and so many wrong ones. */
    public static final int FEWEST_OF_A_KIND = 5;

    /** Labels that it needs at least. */
    public static final int FEWEST_LABELS = 20;

    /** Quantile of the normal distribution at 97.5%. */
    private static final double Z = 1.959963984540054;

    /**
     * Without labels: the mean of the served top probability (confidence-based performance estimation). The interval is
     * that of the share of right answers among these N, if their probabilities are right: a sum of N independent events
     * of probability f has variance sum f (1 - f).
     *
     * @return empty without answers
     */
    public static Optional<AccuracyEstimate> withoutLabels(AccuracySums sums) {
        if (sums.answers() < 1) {
            return Optional.empty();
        }
        double variance = Math.max(0, sums.confidence() - sums.squares());
        return Optional.of(around(sums.confidence() / sums.answers(), Math.sqrt(variance) / sums.answers()));
    }

    /**
     * With labels for n of the answers and N without: power-tuned prediction-powered inference (Angelopoulos, Duchi,
     * Zrnic 2023, PPI++, section 6). Valid whatever the probabilities are worth, where the labelled answers are a
     * random part of all:
     *
     * <pre>
     * theta = lambda mean_N f + mean_n (y - lambda f)
     * lambda = cov_n(y, f) / ((1 + n / N) var_(n + N) f), in [0, 1]
     * </pre>
     *
     * <p>The interval is normal, with variance lambda^2 var_N f / N + var_n (y - lambda f) / n. Where all are labelled
     * it is that of the plain mean.
     *
     * @return empty with fewer labels than {@link #FEWEST_LABELS}, or {@link #FEWEST_OF_A_KIND} of a kind
     */
    public static Optional<AccuracyEstimate> predictionPowered(AccuracySums sums) {
        double n = sums.labels();
        double right = sums.right();
        if (n < FEWEST_LABELS || Math.min(right, n - right) < FEWEST_OF_A_KIND) {
            return Optional.empty();
        }
        double rest = sums.answers() - n;
        double y = right / n;
        double f = sums.labelledConfidence() / n;
        double varianceY = y * (1 - y);
        if (rest < 1) {
            return Optional.of(around(y, Math.sqrt(varianceY / n)));
        }
        double covariance = sums.rightConfidence() / n - y * f;
        double varianceF = Math.max(0, sums.labelledSquares() / n - f * f);
        double all = sums.answers();
        double mean = sums.confidence() / all;
        double varianceOfAll = Math.max(0, sums.squares() / all - mean * mean) * all / (all - 1);
        double lambda = varianceOfAll > 0 ? Math.min(1, Math.max(0, covariance / ((1 + n / rest) * varianceOfAll))) : 0;
        double meanOfRest = (sums.confidence() - sums.labelledConfidence()) / rest;
        double varianceOfRest = Math.max(0, (sums.squares() - sums.labelledSquares()) / rest - meanOfRest * meanOfRest);
        double rectifier = Math.max(0, varianceY - 2 * lambda * covariance + lambda * lambda * varianceF);
        double deviation = Math.sqrt(lambda * lambda * varianceOfRest / rest + rectifier / n);
        return Optional.of(around(lambda * meanOfRest + y - lambda * f, deviation));
    }

    private static AccuracyEstimate around(double value, double deviation) {
        return new AccuracyEstimate(
                Math.min(1, Math.max(0, value)),
                Math.max(0, value - Z * deviation),
                Math.min(1, value + Z * deviation));
    }
}
