package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;

/** The gated feed-forward network: y = residual + down(phi(gate(n)) up(n)), phi being an {@link Activation}. */
final class FeedForward {
    private static final int GATE = 0;
    private static final int UP = 1;

    private final InputMaps maps;
    private final Gating gating;
    private final Linear down;

    /** @param maps gate and up */
    FeedForward(InputMaps maps, Gating gating, Linear down) {
        this.maps = maps;
        this.gating = gating;
        this.down = down;
    }

    static FeedForward load(LayerLoader loader) {
        Architecture architecture = loader.config().architecture();
        boolean bias = architecture.biases().feedForward();
        int width = loader.config().feedForwardWidth();
        InputMaps maps = architecture.fusedMaps()
                ? InputMaps.fused(loader.linear("gate_up_proj", bias), width, width)
                : InputMaps.apart(loader.linear("gate_proj", bias), loader.linear("up_proj", bias));
        return new FeedForward(
                maps, Gating.of(architecture.activation(), loader::constant), loader.linear("down_proj", bias));
    }

    /** What the backward pass needs: the derivatives of the gated product. */
    static final class Tape implements AutoCloseable {
        private Gating.Slopes slopes;

        @Override
        public void close() {
            slopes.byUps().close();
            slopes.byGates().close();
        }
    }

    /**
     * Adds the network's output to the residual stream.
     *
     * @param n [rows, D], normalised
     * @param residual [rows, D]; not changed; null for the output alone
     * @param tape takes what the backward pass needs; null for none
     * @return [rows, D]
     */
    NDArray forward(NDArray n, NDArray residual, LayerPass pass, Tape tape) {
        LinearHook hook = pass.hook();
        NDList parts = maps.forward(n, hook);
        NDArray gates = parts.get(GATE);
        NDArray ups = parts.get(UP);
        if (tape == null) {
            return down.forward(gating.product(gates, ups, pass.arithmetic()), residual, hook);
        }
        tape.slopes = gating.slopes(gates, ups);
        NDScope.unregister(tape.slopes.byUps(), tape.slopes.byGates());
        return down.forward(tape.slopes.byUps().mul(ups), residual, hook);
    }

    /**
     * Goes back to the normalised input. The residual's gradient is {@code gradient} itself, and left to the caller.
     *
     * @param gradient dL/dy [S, rows, D], not modified
     * @param through whether the input's gradient is wanted
     * @return dL/dn [S, rows, D]; null unless {@code through}
     */
    NDArray backward(NDArray gradient, BackwardHook hook, boolean through, Tape tape) {
        boolean inner = through || maps.isAdapted(hook);
        NDArray product = down.backward(gradient, null, hook, inner);
        if (!inner) {
            return null;
        }
        NDArray[] parts = new NDArray[2];
        parts[GATE] = product.mul(tape.slopes.byGates());
        parts[UP] = product.muli(tape.slopes.byUps());
        return maps.backward(parts, hook, through);
    }

    boolean needsAllTokens(LinearHook hook) {
        return maps.needsAllTokens(hook) || down.needsAllTokens(hook);
    }
}
