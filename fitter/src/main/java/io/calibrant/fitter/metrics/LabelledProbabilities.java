package io.calibrant.fitter.metrics;

import java.util.Arrays;

/** Probabilities of one question and which class was right. Immutable. */
public final class LabelledProbabilities {
    /** How far a probability or a sum of probabilities may be off, for rounding; the one tolerance for them. */
    public static final double ROUNDING = 1e-6;

    private final double[] probabilities;
    private final int label;

    /**
     * Probabilities with the true class.
     *
     * @param probabilities of the C classes, each in [0, 1] up to {@link #ROUNDING} above 1, which counts as 1; copied
     * @param label index of the true class, 0 to C - 1
     * @throws IllegalArgumentException if the label is not a class or a probability is out of range
     */
    public LabelledProbabilities(double[] probabilities, int label) {
        this.probabilities = probabilities.clone();
        this.label = label;
        if (label < 0 || label >= probabilities.length) {
            throw new IllegalArgumentException(
                    "label " + label + " is not one of " + probabilities.length + " classes");
        }
        for (int c = 0; c < probabilities.length; c++) {
            double p = probabilities[c];
            if (!(p >= 0 && p <= 1 + ROUNDING)) {
                throw new IllegalArgumentException("probability " + p + " is not within 0 and 1");
            }
            this.probabilities[c] = Math.min(1, p);
        }
    }

    /** Index of the true class. */
    public int label() {
        return label;
    }

    /** Of the C classes; a copy. */
    public double[] probabilities() {
        return probabilities.clone();
    }

    /** Index of the largest probability, the first of equals. */
    int argmax() {
        int best = 0;
        for (int c = 1; c < probabilities.length; c++) {
            if (probabilities[c] > probabilities[best]) {
                best = c;
            }
        }
        return best;
    }

    /** The largest probability, at most 1. */
    public double confidence() {
        return Math.min(1, probabilities[argmax()]);
    }

    /** Whether the largest probability is on the true class. */
    public boolean correct() {
        return argmax() == label;
    }

    /** -log p of the true class, nats; the smallest positive double stands in for an underflow to 0. */
    double negativeLogLikelihood() {
        return -Math.log(Math.max(Double.MIN_VALUE, probabilities[label]));
    }

    /** sum_c (p_c - y_c)^2. */
    double brier() {
        double sum = 0;
        for (int c = 0; c < probabilities.length; c++) {
            double difference = probabilities[c] - (c == label ? 1 : 0);
            sum += difference * difference;
        }
        return sum;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LabelledProbabilities others
                && label == others.label
                && Arrays.equals(probabilities, others.probabilities);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(probabilities) + label;
    }
}
