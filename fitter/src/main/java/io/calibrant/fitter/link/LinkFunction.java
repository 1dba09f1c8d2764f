package io.calibrant.fitter.link;

/** The three ways from a Gaussian over logits to probabilities. */
public enum LinkFunction {
    /** The average of softmax over scrambled Sobol points; for C = 2 a one-dimensional rule, exact at any variance. */
    MC,
    /** p_k proportional to 1 / sum_j exp(-(z_k - z_j) / sqrt(1 + pi/8 v_kj)), v_kj the variance of z_k - z_j. */
    MEAN_FIELD,
    /** softmax(z_k / sqrt(1 + pi/8 v_k)) of the logits centred over the classes; for comparison with the literature. */
    PROBIT
}
