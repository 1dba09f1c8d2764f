package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import io.calibrant.trainer.model.Architecture.Norms.QueryKey;
import java.util.OptionalDouble;

/**
 * Causal self-attention with grouped queries: y = residual + o(softmax(q k^T scale) v), where q and k are turned by
 * their positions, and where the architecture says so normalised before that. Scores may be capped, c tanh(score / c),
 * and a query may see a window of tokens only. The G queries of a key/value head are stacked as rows of one product, so
 * that keys and values are never repeated.
 */
final class Attention {
    private static final int QUERY = 0;
    private static final int KEY = 1;
    private static final int VALUE = 2;

    private final InputMaps maps;
    private final Linear o;
    private final RmsNorm queryNorm;
    private final RmsNorm keyNorm;
    private final boolean jointNorms;
    private final RotaryEmbedding rotary;
    private final int window;
    private final NDArray cap;
    private final int keyValueHeads;
    private final int group;
    private final int headWidth;

    /**
     * What of queries and keys is normalised.
     *
     * @param query of q; null for none
     * @param key of k; null for none
     * @param joint whether they see all heads of a token together, and not each by itself
     */
    record Norms(RmsNorm query, RmsNorm key, boolean joint) {
        static final Norms NONE = new Norms(null, null, false);
    }

    /**
     * What decides which keys a query sees, and how.
     *
     * @param rotary turns and scales; where scores are capped its scale is that of score / c
     * @param window how many tokens a query sees, itself included; 0 for all before it
     * @param cap c [1]; null for none
     */
    record Scores(RotaryEmbedding rotary, int window, NDArray cap) {}

    /** @param maps q, k and v */
    Attention(InputMaps maps, Linear o, Norms norms, Scores scores, ModelSizes sizes) {
        this.maps = maps;
        this.o = o;
        queryNorm = norms.query;
        keyNorm = norms.key;
        jointNorms = norms.joint;
        rotary = scores.rotary;
        window = scores.window;
        cap = scores.cap;
        keyValueHeads = sizes.keyValueHeads();
        group = sizes.heads() / sizes.keyValueHeads();
        headWidth = sizes.headWidth();
    }

    static Attention load(LayerLoader loader) {
        Architecture architecture = loader.config().architecture();
        ModelSizes sizes = loader.config().sizes();
        boolean bias = architecture.biases().queryKeyValue();
        int queries = sizes.heads() * sizes.headWidth();
        int keys = sizes.keyValueHeads() * sizes.headWidth();
        InputMaps maps = architecture.fusedMaps()
                ? InputMaps.fused(loader.linear("qkv_proj", bias), queries, keys, keys)
                : InputMaps.apart(
                        loader.linear("q_proj", bias), loader.linear("k_proj", bias), loader.linear("v_proj", bias));
        Linear o = loader.linear("o_proj", architecture.biases().attentionOutput());
        QueryKey normed = architecture.norms().queryKey();
        boolean joint = normed == QueryKey.ALL_HEADS;
        Norms norms = normed == QueryKey.NONE
                ? Norms.NONE
                : new Norms(
                        loader.norm("self_attn.q_norm", joint ? queries : sizes.headWidth()),
                        loader.norm("self_attn.k_norm", joint ? keys : sizes.headWidth()),
                        joint);
        OptionalDouble cap = architecture.scales().scoreCap();
        NDArray limit = cap.isPresent() ? loader.constant(cap.getAsDouble()) : null;
        return new Attention(maps, o, norms, new Scores(loader.rotary(), loader.window(), limit), sizes);
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
        /** c (1 - tanh(score / c)^2), [B V, G Q, T]; null where scores are not capped. */
        private NDArray slope;

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
            if (slope != null) {
                slope.close();
            }
        }
    }

    /**
     * Adds the attention's output to the residual stream.
     *
     * @param n [N, D], normalised
     * @param residual of the tokens that are asked for, [N, D] or [B, D]; not changed; null for the output alone
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
        NDList parts = maps.forward(n, hook);
        RotaryEmbedding.Slice turn = s.rotary(rotary);
        NDArray query = normalised(parts.get(QUERY), b, t, queryNorm, a, tape == null ? null : tape.queryNorm);
        query = turn.queries(query, a);
        if (lastOnly) {
            query = s.last(query.reshape(b * t, h * headWidth));
        }
        NDArray rows = query.reshape(b, queries, keyValueHeads, group, headWidth)
                .transpose(0, 2, 3, 1, 4)
                .reshape(b * keyValueHeads, group * queries, headWidth);
        NDArray key = normalised(parts.get(KEY), b, t, keyNorm, a, tape == null ? null : tape.keyNorm);
        key = turn.keys(key, a).transpose(0, 2, 3, 1).reshape(b * keyValueHeads, headWidth, t);
        NDArray values = parts.get(VALUE)
                .reshape(b, t, keyValueHeads, headWidth)
                .transpose(0, 2, 1, 3)
                .reshape(b * keyValueHeads, t, headWidth);
        NDArray products = capped(rows.batchMatMul(key), a, tape);
        NDArray scores = a.add(products.reshape(b, h, queries, t), s.mask(window, lastOnly));
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
        return o.forward(joined, residual, hook);
    }

    /**
     * [N, heads E] to [B, T, heads, E], normalised.
     *
     * @param norm null for none
     */
    private NDArray normalised(NDArray rows, long b, long t, RmsNorm norm, Arithmetic a, RmsNorm.Tape tape) {
        NDArray all = norm != null && jointNorms ? norm.forward(rows, a, tape) : rows;
        NDArray heads = all.reshape(b, t, rows.getShape().get(1) / headWidth, headWidth);
        return norm == null || jointNorms ? heads : norm.forward(heads, a, tape);
    }

    /** c tanh(score / c) of score / c, which is overwritten; the scores themselves where there is no cap. */
    private NDArray capped(NDArray products, Arithmetic a, Tape tape) {
        if (cap == null) {
            return products;
        }
        NDArray tanh = products.tanh();
        if (tape != null) {
            tape.slope = tanh.square().muli(cap).subi(cap).negi();
            NDScope.unregister(tape.slope);
        }
        return a.mul(tanh, cap);
    }

    /**
     * Goes back to the normalised input. The residual's gradient is {@code gradient} itself, and left to the caller.
     *
     * @param gradient dL/dy [S, rows, D], rows = N, or B where the forward pass was for the last tokens; not modified
     * @param through whether the input's gradient is wanted
     * @return dL/dn [S, N, D]; null unless {@code through}
     */
    NDArray backward(NDArray gradient, Sequences s, BackwardHook hook, boolean through, Tape tape) {
        boolean inner = through || maps.isAdapted(hook);
        NDArray dHeads = o.backward(gradient, null, hook, inner);
        return inner ? softmaxBackward(dHeads, s, hook, through, tape) : null;
    }

    /**
     * Back through softmax(q k^T) v: with weights P and output o,
     *
     * <pre>dv = P^T do,  dP = do v^T,  dscores = P (dP - do . o),  dq = dscores k,  dk = dscores^T q</pre>
     *
     * where dscores are first multiplied by the slope of the cap, if there is one.
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
        NDArray[] parts = new NDArray[3];
        if (through || maps.isAdapted(VALUE, hook)) {
            parts[VALUE] = tape.weights
                    .transpose(0, 2, 1)
                    .batchMatMul(dOut.reshape(b * heads, rows, stack * e))
                    .reshape(b, heads, t, stack, e)
                    .transpose(3, 0, 2, 1, 4)
                    .reshape(stack, b * t, heads * e);
        }
        boolean queries = through || maps.isAdapted(QUERY, hook);
        boolean keys = through || maps.isAdapted(KEY, hook);
        if (!queries && !keys) {
            return maps.backward(parts, hook, through);
        }
        RotaryEmbedding.Slice turn = s.rotary(rotary);
        NDArray along = dOut.mul(tape.heads.expandDims(2)).sum(new int[] {3}, true);
        NDArray dScores = dOut.reshape(b * heads, rows * stack, e)
                .batchMatMul(tape.values.transpose(0, 2, 1))
                .reshape(b * heads, rows, stack, t)
                .subi(along)
                .muli(tape.weights.expandDims(2));
        if (tape.slope != null) {
            dScores = dScores.muli(tape.slope.expandDims(2));
        }
        if (keys) {
            NDArray dk = tape.queries
                    .transpose(0, 2, 1)
                    .batchMatMul(dScores.reshape(b * heads, rows, stack * t))
                    .reshape(b, heads, e, stack, t)
                    .transpose(3, 0, 4, 1, 2)
                    .reshape(stack * b, t, heads, e);
            parts[KEY] = normBackward(turn.keysBackward(dk), stack, keyNorm, tape.keyNorm);
        }
        if (queries) {
            NDArray dq = dScores.reshape(b * heads, rows * stack, t)
                    .batchMatMul(tape.keys.transpose(0, 2, 1))
                    .reshape(b, heads, group, n, stack, e)
                    .transpose(4, 0, 3, 1, 2, 5)
                    .reshape(stack, b * n, heads * group * e);
            dq = (tape.lastOnly ? s.spread(dq) : dq).reshape(stack * b, t, heads * group, e);
            parts[QUERY] = normBackward(turn.queriesBackward(dq), stack, queryNorm, tape.queryNorm);
        }
        return maps.backward(parts, hook, through);
    }

    /**
     * [S B, T, heads, E], which is overwritten, to [S, N, heads E].
     *
     * @param norm null for none
     */
    private NDArray normBackward(NDArray gradient, long stack, RmsNorm norm, RmsNorm.Tape tape) {
        long b = gradient.getShape().get(0) / stack;
        long t = gradient.getShape().get(1);
        long heads = gradient.getShape().get(2);
        if (norm == null) {
            return gradient.reshape(stack, b * t, heads * headWidth);
        }
        NDArray shaped = jointNorms
                ? gradient.reshape(stack, b * t, heads * headWidth)
                : gradient.reshape(stack, b, t, heads, headWidth);
        return norm.backward(shaped, tape).reshape(stack, b * t, heads * headWidth);
    }

    /** Whether a map inside has an adapter. */
    boolean isAdapted(BackwardHook hook) {
        return maps.isAdapted(hook) || o.isAdapted(hook);
    }

    /** Whether the output map must see every token. Queries, keys and values always do. */
    boolean needsAllTokens(LinearHook hook) {
        return o.needsAllTokens(hook);
    }
}
