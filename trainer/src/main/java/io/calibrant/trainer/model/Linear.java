package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;

/**
 * A linear map, h = x W^T + b. Its weights are frozen. Adapters come in through the hooks, which keep what their own
 * backward pass needs, so the map itself has no tape.
 *
 * @param path module path
 * @param weight W [Dout, Din]
 * @param bias b [Dout]; null for none
 */
record Linear(String path, NDArray weight, NDArray bias) {

    /** Maps [rows, Din] to [rows, Dout]. */
    NDArray forward(NDArray x, LinearHook hook) {
        return hook.apply(path, x, weight, bias);
    }

    /** Adds the map of {@code x} to {@code residual} [rows, Dout], which is not changed; null for the map alone. */
    NDArray forward(NDArray x, NDArray residual, LinearHook hook) {
        if (residual == null || bias == null) {
            return hook.apply(path, x, weight, residual == null ? bias : residual);
        }
        return hook.apply(path, x, weight, residual.add(bias));
    }

    /**
     * dL/dx = dL/dh W, and what an adapter adds. The hook is shown the output gradient where the map is adapted.
     *
     * @param gradient dL/dh [S, rows, Dout]
     * @param base added to the result, [S, rows, Din]; null for none
     * @param through whether the input's gradient is wanted
     * @return dL/dx plus {@code base}, [S, rows, Din]; null unless {@code through}
     */
    NDArray backward(NDArray gradient, NDArray base, BackwardHook hook, boolean through) {
        boolean adapted = isAdapted(hook);
        if (!adapted && !through) {
            return null;
        }
        long stack = gradient.getShape().get(0);
        long rows = gradient.getShape().get(1);
        NDArray flat = gradient.reshape(stack * rows, gradient.getShape().get(2));
        if (adapted) {
            flat = hook.beforeRowScales(path, flat);
        }
        NDArray input = null;
        if (through) {
            NDArray flatBase = base == null
                    ? null
                    : base.reshape(stack * rows, base.getShape().get(2));
            input = LinearHook.back(flat, weight, flatBase);
        }
        if (adapted) {
            input = hook.apply(path, flat, stack, input);
        }
        return input == null
                ? null
                : input.reshape(stack, rows, input.getShape().get(1));
    }

    boolean isAdapted(BackwardHook hook) {
        return hook.adapts(path);
    }

    boolean needsAllTokens(LinearHook hook) {
        return hook.needsAllTokens(path);
    }
}
