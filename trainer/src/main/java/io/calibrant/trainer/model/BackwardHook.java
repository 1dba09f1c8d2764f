package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;

/** What a backward pass calls for each adapted linear map of the model; the counterpart of {@link LinearHook}. */
public interface BackwardHook {

    /** Whether this map has an adapter. */
    boolean adapts(String path);

    /**
     * The gradient by what the rows of an adapted map are scaled after (DoRA); where they are not, the output gradient
     * itself.
     *
     * @param path module path
     * @param gradient dL/dh [S rows, Dout]; not to be modified nor kept
     * @return [S rows, Dout]
     */
    default NDArray beforeRowScales(String path, NDArray gradient) {
        return gradient;
    }

    /**
     * Sees the output gradient of an adapted map and goes back through its adapter.
     *
     * @param path module path
     * @param gradient what {@link #beforeRowScales} gave [S rows, Dout], of S cotangents, one after the other; not to
     *     be modified nor kept
     * @param stack S
     * @param base the frozen map's part of the input's gradient [S rows, Din]; null where the pass ends here
     * @return the whole of the input's gradient; null where {@code base} is
     */
    NDArray apply(String path, NDArray gradient, long stack, NDArray base);
}
