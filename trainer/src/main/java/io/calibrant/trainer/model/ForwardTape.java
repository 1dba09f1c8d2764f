package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;

/**
 * A forward pass that was run without a graph, and one backward pass of our own through it: all S cotangents of a batch
 * go back at once, stacked as rows of the same products (method.md section 6, "Cost"), down to the lowest adapted map.
 * What a layer kept is freed as soon as the pass has left it. Belongs to the manager of the forward pass. Not
 * thread-safe; confined to one thread.
 */
public final class ForwardTape {
    private final DecoderLayer[] layers;
    private final RmsNorm norm;
    private final Linear head;
    private final LogitScale scale;
    private final Sequences sequences;
    private final int from;
    private final DecoderLayer.Tape[] tapes;
    private final RmsNorm.Tape finalNorm = new RmsNorm.Tape();
    private final LogitScale.Tape scaled = new LogitScale.Tape();
    private NDArray logits;
    private boolean used;

    /**
     * @param norm the final one
     * @param head restricted to the class tokens
     * @param scale of its output
     * @param from the lowest layer that the backward pass will enter
     */
    ForwardTape(DecoderLayer[] layers, RmsNorm norm, Linear head, LogitScale scale, Sequences sequences, int from) {
        this.layers = layers;
        this.norm = norm;
        this.head = head;
        this.scale = scale;
        this.sequences = sequences;
        this.from = from;
        tapes = new DecoderLayer.Tape[layers.length];
    }

    Sequences sequences() {
        return sequences;
    }

    RmsNorm.Tape finalNorm() {
        return finalNorm;
    }

    LogitScale.Tape scaled() {
        return scaled;
    }

    /** What layer {@code i} is to fill; null if no backward pass will enter it. */
    DecoderLayer.Tape layer(int i) {
        if (i >= from) {
            tapes[i] = new DecoderLayer.Tape();
        }
        return tapes[i];
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
            throw new IllegalStateException("a tape goes back once; stack the cotangents");
        }
        used = true;
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            boolean through = from < layers.length;
            NDArray dn = head.backward(scale.backward(cotangents, scaled), null, hook, through);
            if (!through) {
                return;
            }
            NDArray dx = norm.backward(dn, finalNorm);
            finalNorm.close();
            if (!tapes[layers.length - 1].lastOnly()) {
                dx = sequences.spread(dx);
            }
            for (int i = layers.length - 1; i >= from; i--) {
                NDArray after = dx;
                try (NDScope layer = new NDScope();
                        DecoderLayer.Tape tape = tapes[i]) {
                    layer.suppressNotUsedWarning();
                    dx = layers[i].backward(after, sequences, hook, i > from, tape);
                    if (dx != null) {
                        NDScope.unregister(dx);
                    }
                }
                after.close();
            }
        }
    }
}
