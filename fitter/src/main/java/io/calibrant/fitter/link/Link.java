package io.calibrant.fitter.link;

import java.util.Arrays;
import java.util.Objects;

/**
 * Integrates the softmax over a Gaussian of logits: p = E[softmax([y, 0])], y ~ N(mean, covariance). Immutable but for
 * a cache of its points; safe for use by several threads.
 */
public final class Link {
    /** Points of {@link LinkFunction#MC} by default. */
    public static final int DEFAULT_POINTS = 4096;

    /** Most points of {@link LinkFunction#MC}. */
    public static final int MOST_POINTS = 1 << 20;

    private static final int MOST_CLASSES = 256;

    private final LinkFunction function;
    private final SobolPoints points;

    /**
     * A link with its points.
     *
     * @param function which link
     * @param points number of Sobol points, 1 to 2^20; best a power of two
     * @param seed seed of the scrambling
     * @throws IllegalArgumentException if the number of points is out of range
     */
    public Link(LinkFunction function, int points, long seed) {
        this.function = Objects.requireNonNull(function, "function");
        this.points = new SobolPoints(points, seed);
    }

    /** MC with the default number of points and seed 0. */
    public static Link monteCarlo() {
        return new Link(LinkFunction.MC, DEFAULT_POINTS, 0);
    }

    /**
     * The calibrated probabilities of one question.
     *
     * <p>Expected entropy is the average over the same distribution under every function; the closed forms approximate
     * the probabilities only, so there it is capped by the entropy.
     *
     * @param mean contrast means y_c = z_c - z_C, C - 1 numbers; not modified
     * @param covariance their covariance [C - 1, C - 1], symmetric positive semi-definite; not modified
     * @return probabilities of the C classes, the reference class last
     * @throws IllegalArgumentException if shapes disagree, there are more than 256 classes, a number is not finite, or
     *     the covariance is indefinite beyond rounding: it is never repaired
     */
    public Prediction predict(double[] mean, double[][] covariance) {
        requireClasses(mean);
        CentredLogits logits = CentredLogits.ofContrasts(mean, covariance);
        if (mean.length == 1) {
            Prediction exact = BinaryRule.predict(mean[0], covariance[0][0]);
            return function == LinkFunction.MC ? exact : exact.with(closedForm(logits));
        }
        Prediction averaged = MonteCarlo.predict(logits, points.normal(mean.length));
        return function == LinkFunction.MC ? averaged : averaged.with(closedForm(logits));
    }

    /**
     * The same of N(mean / T, c covariance).
     *
     * @throws IllegalArgumentException as {@link #predict(double[], double[][])}
     */
    public Prediction predict(double[] mean, double[][] covariance, double temperature, double scale) {
        return predict(
                scaled(mean, 1 / temperature),
                Arrays.stream(covariance).map(row -> scaled(row, scale)).toArray(double[][]::new));
    }

    private static double[] scaled(double[] values, double factor) {
        return Arrays.stream(values).map(value -> factor * value).toArray();
    }

    /**
     * The points that {@link LinkFunction#MC} averages over, for whoever needs them at many temperatures and variance
     * scales.
     *
     * @param mean contrast means y_c = z_c - z_C, C - 1 numbers; not modified
     * @param covariance their covariance [C - 1, C - 1], symmetric positive semi-definite; not modified
     * @throws IllegalArgumentException as {@link #predict(double[], double[][])}
     */
    public SampledLogits sample(double[] mean, double[][] covariance) {
        requireClasses(mean);
        return SampledLogits.of(CentredLogits.ofContrasts(mean, covariance), points.normal(mean.length));
    }

    /**
     * {@link #sample}, but with points that move smoothly as the covariance does: for whoever varies the covariance
     * itself. They depend on the order of the contrasts, the average over them does not but for the error of the
     * points.
     *
     * @throws IllegalArgumentException if there are not 2 to 256 classes
     */
    public SampledLogits sampleInOrder(double[] mean, double[][] covariance) {
        requireClasses(mean);
        return SampledLogits.inOrder(mean, covariance, points.normal(mean.length));
    }

    private static void requireClasses(double[] mean) {
        if (mean.length < 1 || mean.length >= MOST_CLASSES) {
            throw new IllegalArgumentException("classes must be 2 to " + MOST_CLASSES + ", got " + (mean.length + 1));
        }
    }

    private double[] closedForm(CentredLogits logits) {
        return function == LinkFunction.MEAN_FIELD
                ? ClosedForms.meanField(logits.mean(), logits.covariance())
                : ClosedForms.probit(logits.mean(), logits.covariance());
    }
}
