package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;

/**
 * Causal self-attention with grouped queries: y = residual + o(softmax(q k^T / sqrt(E)) v), where q and k are rotated,
 * and where the architecture says so normalised head by head before that. The G queries of a key/value head are stacked
 * as rows of one product, so that keys and values are never repeated.
 */
final class Attention {
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear o;
    private final RmsNorm queryNorm;
    private final RmsNorm keyNorm;
    private final int keyValueHeads;
    private final int group;
    private final int headWidth;

    /**
     * @param queryNorm on every head of q; null for none
     * @param keyNorm on every head of k; null for none
     */
    Attention(Linear q, Linear k, Linear v, Linear o, RmsNorm queryNorm, RmsNorm keyNorm, ModelSizes sizes) {
        this.q = q;
        this.k = k;
        this.v = v;
        this.o = o;
        this.queryNorm = queryNorm;
        this.keyNorm = keyNorm;
        keyValueHeads = sizes.keyValueHeads();
        group = sizes.heads() / sizes.keyValueHeads();
        headWidth = sizes.headWidth();
    }

    static Attention load(LayerLoader loader) {
        Architecture architecture = loader.config().architecture();
        ModelSizes sizes = loader.config().sizes();
        boolean bias = architecture.biases().queryKeyValue();
        return new Attention(
                loader.linear("q_proj", bias),
                loader.linear("k_proj", bias),
                loader.linear("v_proj", bias),
                loader.linear("o_proj", architecture.biases().attentionOutput()),
                architecture.headNorms() ? loader.norm("self_attn.q_norm", sizes.headWidth()) : null,
                architecture.headNorms() ? loader.norm("self_attn.k_norm", sizes.headWidth()) : null,
                sizes);
    }

    /** What the backward pass needs. Q queries a sequence: T, or 1 where only the last tokens are computed. */
    static final class Tape implements AutoCloseable {
        private final RmsNorm.Tape queryNorm = new RmsNorm.Tape();
        private final RmsNorm.Tape keyNorm = new RmsNorm.Tape();
        private boolean lastOnly;
        /** Rotated and scaled, [B V, G Q, E]. */
        private NDArray queries;
        /** Rotated, [B V, E, T]. */
        private NDArray keys;
        /** [B V, T, E]. */
        private NDArray values;
        /** Attention weights P, [B V, G Q, T]. */
        private NDArray weights;
        /** P times values, [B V, G Q, E]. */
        private NDArray heads;

        boolean lastOnly() {
            return lastOnly;
        }

        @Override
        public void close() {
            queryNorm.close();
            keyNorm.close();
            for (NDArray kept : new NDArray[] {queries, keys, values, weights, heads}) {
                kept.close();
            }
        }
    }

    /**
     * Adds the attention's output to the residual stream.
     *
     * @param n [N, D], normalised
     * @param residual [N, D]; not changed
     * @param tape takes what the backward pass needs; null for none
     * @return [N, D], or [B, D] if only the last tokens are asked for
     */
    NDArray forward(NDArray n, NDArray residual, LayerPass pass, Tape tape) {
        Sequences s = pass.sequences();
        LinearHook hook = pass.hook();
        Arithmetic a = pass.arithmetic();
        boolean lastOnly = pass.lastOnly();
        long b = s.size;
        long t = s.tokens;
        long queries = lastOnly ? 1 : t;
        long h = (long) keyValueHeads * group;
        NDArray query = q.forward(n, hook).reshape(b, t, h, headWidth);
        query = s.rotary.queries(normalised(query, queryNorm, a, tape == null ? null : tape.queryNorm), a);
        if (lastOnly) {
            query = s.last(query.reshape(b * t, h * headWidth));
        }
        NDArray rows = query.reshape(b, queries, keyValueHeads, group, headWidth)
                .transpose(0, 2, 3, 1, 4)
                .reshape(b * keyValueHeads, group * queries, headWidth);
        NDArray key = k.forward(n, hook).reshape(b, t, keyValueHeads, headWidth);
        key = s.rotary
                .keys(normalised(key, keyNorm, a, tape == null ? null : tape.keyNorm), a)
                .transpose(0, 2, 3, 1)
                .reshape(b * keyValueHeads, headWidth, t);
        NDArray values = v.forward(n, hook)
                .reshape(b, t, keyValueHeads, headWidth)
                .transpose(0, 2, 1, 3)
                .reshape(b * keyValueHeads, t, headWidth);
        NDArray scores = a.add(rows.batchMatMul(key).reshape(b, h, queries, t), s.mask(lastOnly));
        NDArray weights = scores.softmax(-1).reshape(b * keyValueHeads, group * queries, t);
        NDArray heads = weights.batchMatMul(values);
        if (tape != null) {
            tape.lastOnly = lastOnly;
            tape.queries = rows;
            tape.keys = key;
            tape.values = values;
            tape.weights = weights;
            tape.heads = heads;
            NDScope.unregister(rows, key, values, weights, heads);
        }
        NDArray joined = heads.reshape(b, keyValueHeads, group, queries, headWidth)
                .transpose(0, 3, 1, 2, 4)
                .reshape(b * queries, h * headWidth);
        return o.forward(joined, lastOnly ? s.last(residual) : residual, hook);
    }

    /** @param norm null for none */
    private static NDArray normalised(NDArray heads, RmsNorm norm, Arithmetic a, RmsNorm.Tape tape) {
        return norm == null ? heads : norm.forward(heads, a, tape);
    }

    /**
     * Goes back to the normalised input. The residual's gradient is {@code gradient} itself, and left to the caller.
     *
     * @param gradient dL/dy [S, rows, D], rows = N, or B where the forward pass was for the last tokens; not modified
     * @param through whether the input's gradient is wanted
     * @return dL/dn [S, N, D]; null unless {@code through}
     */
    NDArray backward(NDArray gradient, Sequences s, BackwardHook hook, boolean through, Tape tape) {
        boolean inner = through || q.isAdapted(hook) || k.isAdapted(hook) || v.isAdapted(hook);
        NDArray dHeads = o.backward(gradient, null, hook, inner);
        return inner ? softmaxBackward(dHeads, s, hook, through, tape) : null;
    }

    /**
     * Back through softmax(q k^T) v: with weights P and output o,
     *
     * <pre>dv = P^T do,  dP = do v^T,  dscores = P (dP - do . o),  dq = dscores k,  dk = dscores^T q</pre>
     *
     * <p>The S cotangents lie between queries and width, [B V, G Q, S, E], so that every product is one plain batched
     * one. Of q, k and v, only those are computed that are adapted, or all if {@code through}.
     *
     * @param dHeads [S, rows, H E]
     * @return [S, N, D]; null unless {@code through}
     */
    private NDArray softmaxBackward(NDArray dHeads, Sequences s, BackwardHook hook, boolean through, Tape tape) {
        long stack = dHeads.getShape().get(0);
        long b = s.size;
        long t = s.tokens;
        long heads = keyValueHeads;
        long e = headWidth;
        long n = tape.lastOnly ? 1 : t;
        long rows = group * n;
        NDArray dOut = dHeads.reshape(stack, b, n, heads, group, e)
                .transpose(1, 3, 4, 2, 0, 5)
                .reshape(b * heads, rows, stack, e);
        NDArray dn = null;
        if (through || v.isAdapted(hook)) {
            NDArray dv = tape.weights
                    .transpose(0, 2, 1)
                    .batchMatMul(dOut.reshape(b * heads, rows, stack * e))
                    .reshape(b, heads, t, stack, e)
                    .transpose(3, 0, 2, 1, 4)
                    .reshape(stack, b * t, heads * e);
            dn = v.backward(dv, null, hook, through);
        }
        if (!through && !q.isAdapted(hook) && !k.isAdapted(hook)) {
            return null;
        }
        NDArray along = dOut.mul(tape.heads.expandDims(2)).sum(new int[] {3}, true);
        NDArray dScores = dOut.reshape(b * heads, rows * stack, e)
                .batchMatMul(tape.values.transpose(0, 2, 1))
                .reshape(b * heads, rows, stack, t)
                .subi(along)
                .muli(tape.weights.expandDims(2));
        if (through || k.isAdapted(hook)) {
            NDArray dk = tape.queries
                    .transpose(0, 2, 1)
                    .batchMatMul(dScores.reshape(b * heads, rows, stack * t))
                    .reshape(b, heads, e, stack, t)
                    .transpose(3, 0, 4, 1, 2)
                    .reshape(stack * b, t, heads, e);
            dk = normBackward(s.rotary.keysBackward(dk), stack, keyNorm, tape.keyNorm);
            dn = k.backward(dk.reshape(stack, b * t, heads * e), dn, hook, through);
        }
        if (through || q.isAdapted(hook)) {
            NDArray dq = dScores.reshape(b * heads, rows * stack, t)
                    .batchMatMul(tape.keys.transpose(0, 2, 1))
                    .reshape(b, heads, group, n, stack, e)
                    .transpose(4, 0, 3, 1, 2, 5)
                    .reshape(stack, b * n, heads * group * e);
            dq = (tape.lastOnly ? s.spread(dq) : dq).reshape(stack * b, t, heads * group, e);
            dq = normBackward(s.rotary.queriesBackward(dq), stack, queryNorm, tape.queryNorm);
            dn = q.backward(dq.reshape(stack, b * t, heads * group * e), dn, hook, through);
        }
        return dn;
    }

    /** @param gradient [S B, T, heads, E], overwritten */
    private static NDArray normBackward(NDArray gradient, long stack, RmsNorm norm, RmsNorm.Tape tape) {
        if (norm == null) {
            return gradient;
        }
        long b = gradient.getShape().get(0) / stack;
        long t = gradient.getShape().get(1);
        long heads = gradient.getShape().get(2);
        return norm.backward(
                gradient.reshape(stack, b, t, heads, gradient.getShape().get(3)), tape);
    }

    /** Whether a map inside has an adapter. */
    boolean isAdapted(BackwardHook hook) {
        return q.isAdapted(hook) || k.isAdapted(hook) || v.isAdapted(hook) || o.isAdapted(hook);
    }

    /** Whether the output map must see every token. Queries, keys and values always do. */
    boolean needsAllTokens(LinearHook hook) {
        return o.needsAllTokens(hook);
    }
}
