package io.calibrant.trainer.curvature;

/** Which row instances enter the two Kronecker sums of a block. Padding never does. */
public enum KfacApproximation {
    /** Every real token is a row of both sums; n = real tokens. */
    EXPAND,
    /** One row an example: mean of the inputs, sum of the gradients (Eschenhagen et al. 2023); n = examples. */
    REDUCE,
    /** One row an example, the last real token's; n = examples. For comparison only. */
    LAST
}
