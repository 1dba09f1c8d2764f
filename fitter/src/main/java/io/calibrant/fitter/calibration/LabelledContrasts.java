package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.SampledLogits;
import io.calibrant.fitter.metrics.LabelledLogits;
import java.util.Objects;

/** An answer as the model gave it, raw, and which class was right. Immutable. */
public final class LabelledContrasts {
    private final String questionId;
    private final double[] mean;
    private final double[][] covariance;
    private final int label;

    /**
     * An answer with the true class.
     *
     * @param questionId not null
     * @param mean contrast means y_c = z_c - z_C, C - 1 numbers, finite; copied
     * @param covariance Sigma [C - 1, C - 1], symmetric positive semi-definite; copied
     * @param label index of the true class, 0 to C - 1; C - 1 is the reference class
     * @throws IllegalArgumentException naming the question, if the shapes disagree, a number is not finite or the label
     *     is no class
     */
    public LabelledContrasts(String questionId, double[] mean, double[][] covariance, int label) {
        this.questionId = Objects.requireNonNull(questionId, "questionId");
        this.mean = mean.clone();
        this.covariance = new double[covariance.length][];
        this.label = label;
        if (label < 0 || label > mean.length) {
            throw new IllegalArgumentException("question " + questionId + ": label " + label + " is not one of "
                    + (mean.length + 1) + " classes, 0 to " + mean.length);
        }
        requireFinite(mean, "contrast mean");
        if (covariance.length != mean.length) {
            throw new IllegalArgumentException("question " + questionId + ": covariance has " + covariance.length
                    + " rows for " + mean.length + " contrasts");
        }
        for (int i = 0; i < covariance.length; i++) {
            this.covariance[i] = covariance[i].clone();
            requireFinite(covariance[i], "contrast covariance");
            if (covariance[i].length != mean.length) {
                throw new IllegalArgumentException("question " + questionId + ": row " + i + " of the covariance has "
                        + covariance[i].length + " columns for " + mean.length + " contrasts");
            }
        }
    }

    private void requireFinite(double[] values, String what) {
        for (double value : values) {
            if (!Double.isFinite(value)) {
                throw new IllegalArgumentException("question " + questionId + ": a " + what + " is " + value);
            }
        }
    }

    /** Who is asked. */
    public String questionId() {
        return questionId;
    }

    /** Index of the true class. */
    public int label() {
        return label;
    }

    /** Contrast means, C - 1 numbers; a copy. */
    public double[] mean() {
        return mean.clone();
    }

    /** Sigma [C - 1, C - 1]; a copy. */
    public double[][] covariance() {
        double[][] copy = new double[covariance.length][];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = covariance[i].clone();
        }
        return copy;
    }

    LabelledLogits logits() {
        return LabelledLogits.ofContrasts(mean, label);
    }

    SampledLogits sample(Link link) {
        try {
            return link.sample(mean, covariance);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("question " + questionId + ": " + e.getMessage(), e);
        }
    }

    /** The points with a variance of every logit in place of the covariance. */
    SampledLogits sample(Link link, double variance) {
        return link.sample(mean, LogitNoise.covariance(mean.length, variance));
    }
}
