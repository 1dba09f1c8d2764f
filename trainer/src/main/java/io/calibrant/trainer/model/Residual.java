package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import java.util.function.UnaryOperator;

/**
 * How what an operation gives joins the residual stream: y = x + m norm(f). Where there is neither norm nor factor, the
 * last map of the operation adds the stream itself, which saves a pass over it.
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

    /**
     * Adds to the stream.
     *
     * @param stream x [rows, D], not changed
     * @param operation gives f [rows, D] plus what it is handed, or for null f alone, which may be overwritten
     * @param tape takes what the backward pass needs; null for none
     */
    NDArray forward(NDArray stream, UnaryOperator<NDArray> operation, Arithmetic a, RmsNorm.Tape tape) {
        if (norm == null && multiplier == null) {
            return operation.apply(stream);
        }
        NDArray output = operation.apply(null);
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
