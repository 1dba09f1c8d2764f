package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import java.util.OptionalDouble;
import java.util.function.DoubleFunction;

/**
 * What becomes of the head's output h: z = h / divisor, or with a cap c, z = c tanh(h / (divisor c)). Number by number,
 * so that it makes no difference how many rows of the head are computed.
 */
final class LogitScale {
    /** z = h. */
    static final LogitScale NONE = new LogitScale(Architecture.Scales.NONE, value -> null);

    private final NDArray divisor;
    private final NDArray cap;
    private final NDArray capped;

    /** @param constants makes arrays [1] that live as long as the model */
    LogitScale(Architecture.Scales scales, DoubleFunction<NDArray> constants) {
        OptionalDouble limit = scales.logitCap();
        divisor = scales.logitDivisor() == 1 && limit.isEmpty() ? null : constants.apply(scales.logitDivisor());
        cap = limit.isEmpty() ? null : constants.apply(limit.getAsDouble());
        capped = limit.isEmpty() ? null : constants.apply(scales.logitDivisor() * limit.getAsDouble());
    }

    /** What the backward pass needs: 1 - tanh^2 where there is a cap. */
    static final class Tape {
        private NDArray slope;
    }

    /**
     * Logits of the head's output.
     *
     * @param h not changed; the result itself where there is nothing to do
     * @param tape takes what the backward pass needs; null for none
     */
    NDArray forward(NDArray h, Tape tape) {
        if (divisor == null) {
            return h;
        }
        if (cap == null) {
            return h.div(divisor);
        }
        NDArray tanh = h.div(capped).tanh();
        if (tape != null) {
            tape.slope = tanh.square().subi(1).negi();
            NDScope.unregister(tape.slope);
        }
        return tanh.mul(cap);
    }

    /**
     * Goes back to the head's output.
     *
     * @param gradient dL/dz of S cotangents, one after the other; not modified
     * @return dL/dh; {@code gradient} itself where there is nothing to do
     */
    NDArray backward(NDArray gradient, Tape tape) {
        if (divisor == null) {
            return gradient;
        }
        NDArray divided = gradient.div(divisor);
        return cap == null ? divided : divided.muli(tape.slope);
    }
}
