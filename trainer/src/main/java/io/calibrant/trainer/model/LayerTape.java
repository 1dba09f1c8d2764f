package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;

/**
 * What a layer keeps for its backward pass, and that pass itself. S cotangents are carried at once: gradients are [S,
 * rows, width], rows = N, or B where the forward pass computed the last tokens alone. Nothing is recorded: all arrays
 * made here may be overwritten here.
 */
final class LayerTape implements AutoCloseable {
    final NormTape attentionNorm = new NormTape();
    final NormTape feedForwardNorm = new NormTape();
    private final LayerWeights w;
    private final boolean lastOnly;
    private NDArray queries;
    private NDArray keys;
    private NDArray values;
    private NDArray weights;
    private NDArray heads;
    private NDArray silu;
    private NDArray slope;

    LayerTape(LayerWeights weights, boolean lastOnly) {
        w = weights;
        this.lastOnly = lastOnly;
    }

    /** Whether everything after the attention was computed for the last tokens alone. */
    boolean lastOnly() {
        return lastOnly;
    }

    /**
     * @param rotated queries [B V, G Q, E], rotated and scaled; Q queries a sequence: T, or 1
     * @param k keys [B V, E, T], rotated
     * @param v values [B V, T, E]
     * @param softmax attention weights [B V, G Q, T]
     * @param out their product with the values [B V, G Q, E]
     */
    void keepAttention(NDArray rotated, NDArray k, NDArray v, NDArray softmax, NDArray out) {
        queries = rotated;
        keys = k;
        values = v;
        weights = softmax;
        heads = out;
        NDScope.unregister(rotated, k, v, softmax, out);
    }

    /**
     * @param activation silu(gate) [rows, F], the derivative of the product by up
     * @param derivative silu'(gate) up [rows, F], that by gate
     */
    void keepFeedForward(NDArray activation, NDArray derivative) {
        silu = activation;
        slope = derivative;
        NDScope.unregister(activation, derivative);
    }

    /**
     * Goes back through the layer.
     *
     * @param dx dL/d(output) [S, rows, D], not modified
     * @param last whether no layer below is adapted: the pass ends at the lowest adapted map of this one
     * @return dL/d(input) [S, N, D]; null if {@code last}
     */
    NDArray backward(NDArray dx, Sequences s, BackwardHook hook, boolean last) {
        boolean qkv = !last || hook.adapts(w.q.path()) || hook.adapts(w.k.path()) || hook.adapts(w.v.path());
        boolean o = qkv || hook.adapts(w.o.path());
        boolean feedForward = o || hook.adapts(w.gate.path()) || hook.adapts(w.up.path());
        NDArray activated = back(w.down, dx, null, hook, feedForward);
        if (!feedForward) {
            return null;
        }
        NDArray dGate = activated.mul(slope);
        NDArray dUp = activated.muli(silu);
        NDArray dn = back(w.gate, dGate, null, hook, o);
        dn = back(w.up, dUp, dn, hook, o);
        if (!o) {
            return null;
        }
        NDArray dy = feedForwardNorm.backward(dn, w.feedForwardNorm).addi(dx);
        NDArray dHeads = back(w.o, dy, null, hook, qkv);
        if (!qkv) {
            return null;
        }
        dn = attention(dHeads, s, hook, !last);
        if (last) {
            return null;
        }
        return attentionNorm.backward(dn, w.attentionNorm).addi(lastOnly ? s.spread(dy) : dy);
    }

    /**
     * Back through the attention, softmax(q k^T) v, to the normalised input: with weights P and output o,
     *
     * <pre>dv = P^T do,  dP = do v^T,  dscores = P (dP - do . o),  dq = dscores k,  dk = dscores^T q</pre>
     *
     * <p>The S cotangents lie between queries and width, [B V, G Q, S, E], so that every product is one plain batched
     * one.
     *
     * @param dHeads [S, rows, H E]
     * @return [S, N, D]; null unless {@code through}
     */
    private NDArray attention(NDArray dHeads, Sequences s, BackwardHook hook, boolean through) {
        long stack = dHeads.getShape().get(0);
        long b = s.size;
        long t = s.tokens;
        long v = values.getShape().get(0) / b;
        long e = values.getShape().get(2);
        long n = lastOnly ? 1 : t;
        long g = queries.getShape().get(1) / n;
        NDArray dOut =
                dHeads.reshape(stack, b, n, v, g, e).transpose(1, 3, 4, 2, 0, 5).reshape(b * v, g * n, stack, e);
        NDArray dn = null;
        if (through || hook.adapts(w.v.path())) {
            NDArray dv = weights.transpose(0, 2, 1)
                    .batchMatMul(dOut.reshape(b * v, g * n, stack * e))
                    .reshape(b, v, t, stack, e)
                    .transpose(3, 0, 2, 1, 4)
                    .reshape(stack, b * t, v * e);
            dn = back(w.v, dv, null, hook, through);
        }
        if (!through && !hook.adapts(w.q.path()) && !hook.adapts(w.k.path())) {
            return null;
        }
        NDArray along = dOut.mul(heads.expandDims(2)).sum(new int[] {3}, true);
        NDArray dScores = dOut.reshape(b * v, g * n * stack, e)
                .batchMatMul(values.transpose(0, 2, 1))
                .reshape(b * v, g * n, stack, t)
                .subi(along)
                .muli(weights.expandDims(2));
        if (through || hook.adapts(w.k.path())) {
            NDArray dk = queries.transpose(0, 2, 1)
                    .batchMatMul(dScores.reshape(b * v, g * n, stack * t))
                    .reshape(b, v, e, stack, t)
                    .transpose(3, 0, 4, 1, 2)
                    .reshape(stack * b, t, v, e);
            dn = back(w.k, s.rope.keyBackward(dk).reshape(stack, b * t, v * e), dn, hook, through);
        }
        if (through || hook.adapts(w.q.path())) {
            NDArray dq = dScores.reshape(b * v, g * n * stack, t)
                    .batchMatMul(keys.transpose(0, 2, 1))
                    .reshape(b, v, g, n, stack, e)
                    .transpose(4, 0, 3, 1, 2, 5)
                    .reshape(stack, b * n, v * g * e);
            NDArray all = (lastOnly ? s.spread(dq) : dq).reshape(stack * b, t, v * g, e);
            dn = back(w.q, s.rope.queryBackward(all).reshape(stack, b * t, v * g * e), dn, hook, through);
        }
        return dn;
    }

    /** @return dL/d(the map's input) plus {@code base}, [S, rows, Din]; null unless {@code through} */
    private static NDArray back(
            LayerWeights.Linear linear, NDArray gradient, NDArray base, BackwardHook hook, boolean through) {
        return LinearBackward.back(linear.path(), linear.weight(), gradient, base, hook, through);
    }

    @Override
    public void close() {
        attentionNorm.close();
        feedForwardNorm.close();
        for (NDArray kept : new NDArray[] {queries, keys, values, weights, heads, silu, slope}) {
            kept.close();
        }
    }
}
