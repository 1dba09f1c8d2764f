package io.calibrant.trainer.curvature;

/** Which gradients make the Fisher matrix. */
public enum FisherType {
    /** The expectation over all classes under the model's own probabilities: C - 1 backward passes. */
    EXACT,
    /** One class sampled from the model's probabilities, seeded by question: one backward pass. */
    MC,
    /** The true label: the gradient of training itself. */
    EMPIRICAL
}
