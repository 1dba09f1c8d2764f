package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;

/**
 * The linear maps that read one input: q, k and v, or gate and up. Each is a map of its own, or they are fused: one map
 * whose output is cut into their parts.
 */
final class InputMaps {
    private final Linear[] maps;
    private final long[] cuts;

    private InputMaps(Linear[] maps, long... cuts) {
        this.maps = maps;
        this.cuts = cuts;
    }

    /** Maps of their own, in the order of the parts. */
    static InputMaps apart(Linear... maps) {
        return new InputMaps(maps);
    }

    /** One map; {@code widths} are those of its parts. */
    static InputMaps fused(Linear map, int... widths) {
        long[] cuts = new long[widths.length - 1];
        long end = 0;
        for (int i = 0; i < cuts.length; i++) {
            end += widths[i];
            cuts[i] = end;
        }
        return new InputMaps(new Linear[] {map}, cuts);
    }

    private boolean isFused() {
        return cuts.length > 0;
    }

    /** Maps [rows, Din] to the parts, each [rows, its width]. */
    NDList forward(NDArray x, LinearHook hook) {
        if (isFused()) {
            return maps[0].forward(x, hook).split(cuts, 1);
        }
        NDList parts = new NDList(maps.length);
        for (Linear map : maps) {
            parts.add(map.forward(x, hook));
        }
        return parts;
    }

    /** Whether the gradient of a part is wanted for an adapter: its own map's, or the fused one's. */
    boolean isAdapted(int part, BackwardHook hook) {
        return maps[isFused() ? 0 : part].isAdapted(hook);
    }

    boolean isAdapted(BackwardHook hook) {
        for (Linear map : maps) {
            if (map.isAdapted(hook)) {
                return true;
            }
        }
        return false;
    }

    boolean needsAllTokens(LinearHook hook) {
        for (Linear map : maps) {
            if (map.needsAllTokens(hook)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Goes back to the input.
     *
     * @param gradients by the parts, each [S, rows, its width]; null for those that are not wanted, of maps apart; of
     *     fused ones some is wanted
     * @param through whether the input's gradient is wanted
     * @return dL/dx [S, rows, Din]; null unless {@code through}
     */
    NDArray backward(NDArray[] gradients, BackwardHook hook, boolean through) {
        if (isFused()) {
            return maps[0].backward(NDArrays.concat(new NDList(gradients), 2), null, hook, through);
        }
        NDArray dx = null;
        for (int i = maps.length - 1; i >= 0; i--) {
            if (gradients[i] != null) {
                dx = maps[i].backward(gradients[i], dx, hook, through);
            }
        }
        return dx;
    }
}
