package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;

/**
 * A forward pass that was run without a graph, and one backward pass of our own through it: all S cotangents of a batch
 * go back at once, stacked as rows of the same products (method.md section 6, "Cost"), down to the lowest adapted map.
 * What a layer kept is freed as soon as the pass has left it. Belongs to the manager of the forward pass; for one
 * thread.
 */
public final class ForwardTape {
    private final LayerWeights[] weights;
    private final NDArray norm;
    private final NDArray classRows;
    private final Sequences sequences;
    private final int from;
    private final LayerTape[] layers;
    private final NormTape finalNorm = new NormTape();
    private NDArray logits;
    private boolean used;

    ForwardTape(LayerWeights[] weights, NDArray norm, NDArray classRows, Sequences sequences, int from) {
        this.weights = weights;
        this.norm = norm;
        this.classRows = classRows;
        this.sequences = sequences;
        this.from = from;
        layers = new LayerTape[weights.length];
    }

    Sequences sequences() {
        return sequences;
    }

    NormTape finalNorm() {
        return finalNorm;
    }

    /** What layer {@code i} is to fill; null if no backward pass will enter it. */
    LayerTape layer(int i, boolean lastOnly) {
        if (i >= from) {
            layers[i] = new LayerTape(weights[i], lastOnly);
        }
        return layers[i];
    }

    void keep(NDArray z) {
        logits = z;
    }

    /** Logits of the class tokens at the last real token, [B, K]. */
    public NDArray logits() {
        return logits;
    }

    /**
     * Goes back from the logits to the lowest adapted map. Once only.
     *
     * @param cotangents dL/dz of S losses, [S, B, K]; not modified
     * @param hook sees the output gradients of the adapted maps, from the head down
     * @throws IllegalStateException the second time: what the pass needed is freed
     */
    public void backward(NDArray cotangents, BackwardHook hook) {
        if (used) {
            throw new IllegalStateException("a trace goes back once; stack the cotangents");
        }
        used = true;
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            boolean through = from < layers.length;
            NDArray dn = LinearBackward.back(ModelConfig.HEAD, classRows, cotangents, null, hook, through);
            if (!through) {
                return;
            }
            NDArray dx = finalNorm.backward(dn, norm);
            finalNorm.close();
            if (!layers[layers.length - 1].lastOnly()) {
                dx = sequences.spread(dx);
            }
            for (int i = layers.length - 1; i >= from; i--) {
                NDArray after = dx;
                try (NDScope layer = new NDScope();
                        LayerTape trace = layers[i]) {
                    layer.suppressNotUsedWarning();
                    dx = trace.backward(after, sequences, hook, i == from);
                    if (dx != null) {
                        NDScope.unregister(dx);
                    }
                }
                after.close();
            }
        }
    }
}
