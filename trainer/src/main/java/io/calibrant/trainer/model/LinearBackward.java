package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;

/** Back through one linear map, adapted or not. */
final class LinearBackward {
    private LinearBackward() {}

    /**
     * Hands the output gradient to the hook where the map is adapted, and goes on to the input.
     *
     * @param weight [Dout, Din], frozen
     * @param gradient dL/dh [S, rows, Dout]
     * @param base added to the result, [S, rows, Din]; null for none
     * @param through whether the input's gradient is wanted
     * @return dL/dx plus {@code base}, [S, rows, Din]; null unless {@code through}
     */
    static NDArray back(
            String path, NDArray weight, NDArray gradient, NDArray base, BackwardHook hook, boolean through) {
        boolean adapted = hook.adapts(path);
        if (!adapted && !through) {
            return null;
        }
        long stack = gradient.getShape().get(0);
        long rows = gradient.getShape().get(1);
        NDArray flat = gradient.reshape(stack * rows, gradient.getShape().get(2));
        NDArray input = null;
        if (through) {
            NDArray flatBase = base == null
                    ? null
                    : base.reshape(stack * rows, base.getShape().get(2));
            input = LinearHook.linear(flat, weight.transpose(), flatBase);
        }
        if (adapted) {
            input = hook.apply(path, flat, stack, input);
        }
        return input == null
                ? null
                : input.reshape(stack, rows, input.getShape().get(1));
    }
}
