package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;

/** What an RMSNorm keeps for its backward pass: u = x / rms [rows, D] and rms = sqrt(mean(x^2) + epsilon) [rows, 1]. */
final class NormTape implements AutoCloseable {
    private NDArray normalised;
    private NDArray rms;

    void keep(NDArray u, NDArray scale) {
        normalised = u;
        rms = scale;
        NDScope.unregister(u, scale);
    }

    /**
     * dL/dx = (g - u mean(g u)) / rms with g = dL/dn weight.
     *
     * @param gradient dL/dn [S, rows, D], overwritten by the result
     * @param weight [D]
     */
    NDArray backward(NDArray gradient, NDArray weight) {
        NDArray g = gradient.muli(weight);
        NDArray along = g.mul(normalised).mean(new int[] {2}, true);
        return g.subi(normalised.mul(along)).divi(rms);
    }

    @Override
    public void close() {
        normalised.close();
        rms.close();
    }
}
