package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;

/** The gated feed-forward network: y = residual + down(silu(gate(n)) up(n)), with silu(x) = x sigmoid(x). */
final class FeedForward {
    private final Linear gate;
    private final Linear up;
    private final Linear down;

    FeedForward(Linear gate, Linear up, Linear down) {
        this.gate = gate;
        this.up = up;
        this.down = down;
    }

    static FeedForward load(LayerLoader loader) {
        boolean bias = loader.config().architecture().biases().feedForward();
        return new FeedForward(
                loader.linear("gate_proj", bias), loader.linear("up_proj", bias), loader.linear("down_proj", bias));
    }

    /**
     * What the backward pass needs: silu(gate) [rows, F], which is the product's derivative by up, and silu'(gate) up
     * [rows, F], that by gate.
     */
    static final class Tape implements AutoCloseable {
        private NDArray silu;
        private NDArray slope;

        @Override
        public void close() {
            silu.close();
            slope.close();
        }
    }

    /**
     * Adds the network's output to the residual stream.
     *
     * @param n [rows, D], normalised
     * @param residual [rows, D]; not changed
     * @param tape takes what the backward pass needs; null for none
     * @return [rows, D]
     */
    NDArray forward(NDArray n, NDArray residual, LayerPass pass, Tape tape) {
        LinearHook hook = pass.hook();
        Arithmetic a = pass.arithmetic();
        NDArray gates = gate.forward(n, hook);
        NDArray ups = up.forward(n, hook);
        NDArray sigmoid = gates.getNDArrayInternal().sigmoid();
        if (tape == null) {
            return down.forward(a.mul(a.mul(sigmoid, gates), ups), residual, hook);
        }
        tape.silu = sigmoid.mul(gates);
        // silu' = sigmoid + silu - sigmoid silu
        tape.slope = sigmoid.add(tape.silu).subi(sigmoid.mul(tape.silu)).muli(ups);
        NDScope.unregister(tape.silu, tape.slope);
        return down.forward(tape.silu.mul(ups), residual, hook);
    }

    /**
     * Goes back to the normalised input. The residual's gradient is {@code gradient} itself, and left to the caller.
     *
     * @param gradient dL/dy [S, rows, D], not modified
     * @param through whether the input's gradient is wanted
     * @return dL/dn [S, rows, D]; null unless {@code through}
     */
    NDArray backward(NDArray gradient, BackwardHook hook, boolean through, Tape tape) {
        boolean inner = through || gate.isAdapted(hook) || up.isAdapted(hook);
        NDArray product = down.backward(gradient, null, hook, inner);
        if (!inner) {
            return null;
        }
        NDArray dGate = product.mul(tape.slope);
        NDArray dUp = product.muli(tape.silu);
        return up.backward(dUp, gate.backward(dGate, null, hook, through), hook, through);
    }

    boolean needsAllTokens(LinearHook hook) {
        return gate.needsAllTokens(hook) || up.needsAllTokens(hook) || down.needsAllTokens(hook);
    }
}
