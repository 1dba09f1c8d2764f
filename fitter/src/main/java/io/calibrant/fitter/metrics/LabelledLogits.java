package io.calibrant.fitter.metrics;

/**
 * Logits of one question and which class was right. A constant added to all logits changes nothing, so contrasts with a
 * zero appended serve as well. Immutable.
 */
public final class LabelledLogits {
    private final double[] logits;
    private final int label;

    /**
     * Logits with the true class.
     *
     * @param logits of the C classes, finite; copied
     * @param label index of the true class, 0 to C - 1
     * @throws IllegalArgumentException if the label is not a class or a logit is not finite
     */
    public LabelledLogits(double[] logits, int label) {
        this.logits = logits.clone();
        this.label = label;
        if (label < 0 || label >= logits.length) {
            throw new IllegalArgumentException("label " + label + " is not one of " + logits.length + " classes");
        }
        for (double logit : logits) {
            if (!Double.isFinite(logit)) {
                throw new IllegalArgumentException("a logit is " + logit);
            }
        }
    }

    /** Index of the true class. */
    public int label() {
        return label;
    }

    /** Of the C classes; a copy. */
    public double[] logits() {
        return logits.clone();
    }

    /**
     * From C - 1 contrasts y_c = z_c - z_C, the reference class last.
     *
     * @param contrasts not modified
     */
    public static LabelledLogits ofContrasts(double[] contrasts, int label) {
        double[] logits = new double[contrasts.length + 1];
        System.arraycopy(contrasts, 0, logits, 0, contrasts.length);
        return new LabelledLogits(logits, label);
    }

    /** softmax(z / T) with the label. */
    LabelledProbabilities at(double temperature) {
        return new LabelledProbabilities(TemperatureScaling.probabilities(logits, temperature), label);
    }

    /** -log softmax(z / T) at the label, nats, by log-sum-exp: it never underflows. */
    public double negativeLogLikelihood(double temperature) {
        double top = Double.NEGATIVE_INFINITY;
        for (double z : logits) {
            top = Math.max(top, z);
        }
        double sum = 0;
        for (double z : logits) {
            sum += Math.exp((z - top) / temperature);
        }
        return Math.log(sum) + (top - logits[label]) / temperature;
    }

    /** The derivative of {@link #negativeLogLikelihood} in log T: (z_y - E z) / T, E under softmax(z / T). */
    double slope(double temperature) {
        double[] p = TemperatureScaling.probabilities(logits, temperature);
        double slope = 0;
        for (int c = 0; c < p.length; c++) {
            slope += p[c] * (logits[label] - logits[c]);
        }
        return slope / temperature;
    }
}
