package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import java.util.function.Supplier;

/** What the forward pass calls for each linear map of the model; where adapters and captures come in. */
public interface LinearHook {

    /** The frozen model as it is, of which no graph is recorded. */
    LinearHook FROZEN = new LinearHook() {
        @Override
        public boolean needsAllTokens(String path) {
            return false;
        }

        @Override
        public int recordsFrom() {
            return Integer.MAX_VALUE;
        }

        @Override
        public NDArray apply(String path, NDArray x, NDArray weight, NDArray base) {
            return unrecorded(x, weight, base);
        }
    };

    /**
     * Whether this map must see every token, also where only the last one matters for the logits (all maps of the top
     * layer but k and v). If none of its maps must, the top layer computes the last tokens alone.
     */
    boolean needsAllTokens(String path);

    /**
     * The lowest layer in which a graph may be recorded (the number of layers: in the head only). Below it the forward
     * pass overwrites its intermediates.
     */
    int recordsFrom();

    /**
     * Computes x weight^T + base, and whatever the hook adds.
     *
     * @param path module path
     * @param x [rows, Din]; rows = N, or B where only the last tokens are computed
     * @param weight [Dout, Din], frozen; for {@link #linear} or {@link #unrecorded}, since it may have two bytes a
     *     number
     * @param base null, or what the result is added to: a bias [Dout], or a residual stream [rows, Dout]; not changed
     * @return [rows, Dout]
     */
    NDArray apply(String path, NDArray x, NDArray weight, NDArray base);

    /**
     * Is shown what the attention maps of a layer read, at the last real token of each sequence. Called once for every
     * layer, in their order, before its maps are applied.
     *
     * @param last makes a copy of these rows, [B, D], in the scope of the layer
     */
    default void attentionInput(Supplier<NDArray> last) {}

    /**
     * x weight^T + base in one fused call: PyTorch's linear passes its bias to {@code addmm}, which takes a whole
     * matrix as well as a row, so that a residual or a low-rank update costs no extra pass over memory.
     *
     * @param weight may have two bytes a number; the result has the type of {@code x} all the same
     * @param base null, [Dout] or [rows, Dout]
     */
    static NDArray linear(NDArray x, NDArray weight, NDArray base) {
        return HalfPrecision.isHalf(weight)
                ? HalfPrecision.linear(x, weight, base)
                : ai.djl.nn.core.Linear.linear(x, weight, base).singletonOrThrow();
    }

    /** {@link #linear} where no graph records it, for which a weight of two bytes takes no memory of its own. */
    static NDArray unrecorded(NDArray x, NDArray weight, NDArray base) {
        return HalfPrecision.isHalf(weight) ? HalfPrecision.unrecorded(x, weight, base) : linear(x, weight, base);
    }

    /**
     * gradient weight + base, the way back, where no graph records it.
     *
     * @param gradient [rows, Dout]
     * @param weight [Dout, Din], may have two bytes a number
     * @param base null, or [rows, Din]
     */
    static NDArray back(NDArray gradient, NDArray weight, NDArray base) {
        return HalfPrecision.isHalf(weight)
                ? HalfPrecision.back(gradient, weight, base)
                : linear(gradient, weight.transpose(), base);
    }
}
