package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;

/**
 * How what an operation gives joins the residual stream: y = x + m norm(f). Where there is neither norm nor factor, the
 * last map of the operation adds the stream itself, and this class does nothing.
 */
final class Residual {
    private final RmsNorm norm;
    private final NDArray multiplier;

    /**
     * @param norm null for none
     * @param multiplier m [1]; null for 1
     */
    Residual(RmsNorm norm, NDArray multiplier) {
        this.norm = norm;
        this.multiplier = multiplier;
    }

    /** Whether the operation adds the stream itself. */
    boolean isPlain() {
        return norm == null && multiplier == null;
    }

    /**
     * Adds to the stream.
     *
     * @param output f [rows, D], may be overwritten
     * @param stream x [rows, D], not changed
     * @param tape takes what the backward pass needs; null for none
     */
    NDArray forward(NDArray output, NDArray stream, Arithmetic a, RmsNorm.Tape tape) {
        NDArray joining = norm == null ? output : norm.forward(output, a, tape);
        return a.add(multiplier == null ? joining : a.mul(joining, multiplier), stream);
    }

    /**
     * Goes back to what the operation gave.
     *
     * @param gradient dL/dy [S, rows, D], not modified
     * @return dL/df; {@code gradient} itself where there is nothing to do
     */
    NDArray backward(NDArray gradient, RmsNorm.Tape tape) {
        if (multiplier == null) {
            return norm == null ? gradient : norm.backwardOfKept(gradient, tape);
        }
        NDArray multiplied = gradient.mul(multiplier);
        return norm == null ? multiplied : norm.backward(multiplied, tape);
    }
}
