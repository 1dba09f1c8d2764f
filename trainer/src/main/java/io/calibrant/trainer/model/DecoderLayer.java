package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;

/**
 * One transformer block: y = x + attention(norm(x)), then y + feedForward(norm(y)). S cotangents go back at once:
 * gradients are [S, rows, width], rows = N, or B where the forward pass computed the last tokens alone. The backward
 * pass records no graph and may overwrite all arrays that it makes.
 */
final class DecoderLayer {
    private final RmsNorm attentionNorm;
    private final Attention attention;
    private final RmsNorm feedForwardNorm;
    private final FeedForward feedForward;

    private DecoderLayer(LayerLoader loader) {
        int width = loader.config().width();
        attentionNorm = loader.norm("input_layernorm", width);
        feedForwardNorm = loader.norm("post_attention_layernorm", width);
        attention = Attention.load(loader);
        feedForward = FeedForward.load(loader);
    }

    static DecoderLayer load(LayerLoader loader) {
        return new DecoderLayer(loader);
    }

    /** What the backward pass needs: the tapes of the operations. */
    static final class Tape implements AutoCloseable {
        private final RmsNorm.Tape attentionNorm = new RmsNorm.Tape();
        private final Attention.Tape attention = new Attention.Tape();
        private final RmsNorm.Tape feedForwardNorm = new RmsNorm.Tape();
        private final FeedForward.Tape feedForward = new FeedForward.Tape();

        /** Whether everything after the attention was computed for the last tokens alone. */
        boolean lastOnly() {
            return attention.lastOnly();
        }

        @Override
        public void close() {
            attentionNorm.close();
            attention.close();
            feedForwardNorm.close();
            feedForward.close();
        }
    }

    /**
     * Runs [N, D] forward.
     *
     * @param tape takes what the backward pass needs; null for none
     * @return [N, D], or [B, D] if only the last tokens are asked for
     */
    NDArray forward(NDArray x, LayerPass pass, Tape tape) {
        Arithmetic a = pass.arithmetic();
        NDArray n = attentionNorm.forward(x, a, tape == null ? null : tape.attentionNorm);
        NDArray y = attention.forward(n, x, pass, tape == null ? null : tape.attention);
        n = feedForwardNorm.forward(y, a, tape == null ? null : tape.feedForwardNorm);
        return feedForward.forward(n, y, pass, tape == null ? null : tape.feedForward);
    }

    /**
     * Goes back through the layer.
     *
     * @param dx dL/d(output) [S, rows, D], not modified
     * @param through whether the input's gradient is wanted; if not, the pass ends at the layer's lowest adapted map
     * @return dL/d(input) [S, N, D]; null unless {@code through}
     */
    NDArray backward(NDArray dx, Sequences s, BackwardHook hook, boolean through, Tape tape) {
        boolean attends = through || attention.isAdapted(hook);
        NDArray dn = feedForward.backward(dx, hook, attends, tape.feedForward);
        if (!attends) {
            return null;
        }
        NDArray dy = feedForwardNorm.backward(dn, tape.feedForwardNorm).addi(dx);
        dn = attention.backward(dy, s, hook, through, tape.attention);
        if (!through) {
            return null;
        }
        return attentionNorm.backward(dn, tape.attentionNorm).addi(tape.lastOnly() ? s.spread(dy) : dy);
    }

    /** Whether what follows the attention of this layer must be computed for every token. */
    boolean needsAllTokens(LinearHook hook) {
        return attention.needsAllTokens(hook) || feedForward.needsAllTokens(hook);
    }
}
