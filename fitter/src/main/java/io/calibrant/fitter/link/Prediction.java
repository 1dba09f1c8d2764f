package io.calibrant.fitter.link;

/** What a link makes of one question. Immutable. */
public final class Prediction {
    private final double[] probabilities;
    private final double entropy;
    private final double expectedEntropy;

    private Prediction(double[] probabilities, double entropy, double expectedEntropy) {
        this.probabilities = probabilities.clone();
        this.entropy = entropy;
        // Concavity makes this so up to rounding, and up to the error of a closed form.
        this.expectedEntropy = Math.max(0, Math.min(expectedEntropy, entropy));
    }

    static Prediction of(double[] probabilities, double expectedEntropy) {
        return new Prediction(probabilities, Softmax.entropy(probabilities), expectedEntropy);
    }

    /** Of the C classes, the reference class last; they sum to 1. A copy. */
    public double[] probabilities() {
        return probabilities.clone();
    }

    /** Entropy of the probabilities, nats. */
    public double entropy() {
        return entropy;
    }

    /** Average entropy of softmax under the Gaussian, nats, at most {@link #entropy()}. */
    double expectedEntropy() {
        return expectedEntropy;
    }

    /** The epistemic part, entropy - expectedEntropy, nats, not negative. */
    public double mutualInformation() {
        return entropy - expectedEntropy;
    }

    Prediction with(double[] otherProbabilities) {
        return of(otherProbabilities, expectedEntropy);
    }
}
