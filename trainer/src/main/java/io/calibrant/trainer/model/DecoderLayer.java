package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import io.calibrant.trainer.model.Architecture.Norms.Places;

/**
 * One transformer block: y = x + attention(norm(x)), then y + feedForward(norm(y)); other architectures have norms
 * after the operations, too, or only there. S cotangents go back at once: gradients are [S, rows, width], rows = N, or
 * B where the forward pass computed the last tokens alone. The backward pass records no graph and may overwrite all
 * arrays that it makes.
 */
final class DecoderLayer {
    private final RmsNorm attentionNorm;
    private final Attention attention;
    private final Residual attentionResidual;
    private final RmsNorm feedForwardNorm;
    private final FeedForward feedForward;
    private final Residual feedForwardResidual;

    private DecoderLayer(LayerLoader loader) {
        int width = loader.config().width();
        Places places = loader.config().architecture().norms().places();
        boolean before = places != Places.AFTER;
        boolean after = places != Places.BEFORE;
        // What follows the attention has the name of what, in Llama, comes before the feed-forward network.
        String second = after ? "pre_feedforward_layernorm" : "post_attention_layernorm";
        attentionNorm = before ? loader.norm("input_layernorm", width) : null;
        feedForwardNorm = before ? loader.norm(second, width) : null;
        attention = Attention.load(loader);
        feedForward = FeedForward.load(loader);
        double residual = loader.config().architecture().scales().residual();
        NDArray multiplier = residual == 1 ? null : loader.constant(residual);
        attentionResidual = new Residual(after ? loader.norm("post_attention_layernorm", width) : null, multiplier);
        feedForwardResidual = new Residual(after ? loader.norm("post_feedforward_layernorm", width) : null, multiplier);
    }

    static DecoderLayer load(LayerLoader loader) {
        return new DecoderLayer(loader);
    }

    /** What the backward pass needs: the tapes of the operations. */
    static final class Tape implements AutoCloseable {
        private final RmsNorm.Tape attentionNorm = new RmsNorm.Tape();
        private final Attention.Tape attention = new Attention.Tape();
        private final RmsNorm.Tape attentionResidual = new RmsNorm.Tape();
        private final RmsNorm.Tape feedForwardNorm = new RmsNorm.Tape();
        private final FeedForward.Tape feedForward = new FeedForward.Tape();
        private final RmsNorm.Tape feedForwardResidual = new RmsNorm.Tape();

        /** Whether everything after the attention was computed for the last tokens alone. */
        boolean lastOnly() {
            return attention.lastOnly();
        }

        @Override
        public void close() {
            attentionNorm.close();
            attention.close();
            attentionResidual.close();
            feedForwardNorm.close();
            feedForward.close();
            feedForwardResidual.close();
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
        NDArray n = input(x, attentionNorm, a, tape == null ? null : tape.attentionNorm);
        pass.hook().attentionInput(() -> pass.sequences().last(n));
        NDArray y = attentionResidual.forward(
                pass.lastOnly() ? pass.sequences().last(x) : x,
                added -> attention.forward(n, added, pass, tape == null ? null : tape.attention),
                a,
                tape == null ? null : tape.attentionResidual);
        NDArray m = input(y, feedForwardNorm, a, tape == null ? null : tape.feedForwardNorm);
        return feedForwardResidual.forward(
                y,
                added -> feedForward.forward(m, added, pass, tape == null ? null : tape.feedForward),
                a,
                tape == null ? null : tape.feedForwardResidual);
    }

    /**
     * What an operation reads of the stream.
     *
     * @param norm null for none: then a view, for what an adapter keeps of its input outlives the stream
     */
    private static NDArray input(NDArray stream, RmsNorm norm, Arithmetic a, RmsNorm.Tape tape) {
        return norm == null ? stream.reshape(stream.getShape()) : norm.forward(stream, a, tape);
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
        NDArray dn = feedForward.backward(
                feedForwardResidual.backward(dx, tape.feedForwardResidual), hook, attends, tape.feedForward);
        if (!attends) {
            return null;
        }
        NDArray dy = inputBackward(dn, feedForwardNorm, tape.feedForwardNorm).addi(dx);
        dn = attention.backward(
                attentionResidual.backward(dy, tape.attentionResidual), s, hook, through, tape.attention);
        if (!through) {
            return null;
        }
        return inputBackward(dn, attentionNorm, tape.attentionNorm).addi(tape.lastOnly() ? s.spread(dy) : dy);
    }

    /** @param gradient overwritten by the result */
    private static NDArray inputBackward(NDArray gradient, RmsNorm norm, RmsNorm.Tape tape) {
        return norm == null ? gradient : norm.backward(gradient, tape);
    }

    /** Whether what follows the attention of this layer must be computed for every token. */
    boolean needsAllTokens(LinearHook hook) {
        return attention.needsAllTokens(hook) || feedForward.needsAllTokens(hook);
    }
}
