package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.core.Embedding;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** What all layers need to know about a batch, on the device, made once a pass. */
final class Sequences {

    /** Added to the score of a key that must not be seen: finite, so that a padding query gives no NaN. */
    private static final double HIDDEN = -1e30;

    final int size;
    final int tokens;
    final NDArray ids;
    private final Map<Integer, Masks> masks = new HashMap<>();
    private final Map<RotaryEmbedding, RotaryEmbedding.Slice> slices = new HashMap<>();
    private final NDArray lastRows;
    private final TokenBatch batch;
    private final NDManager pass;
    private final DataType dataType;

    /**
     * What is added to scores.
     *
     * @param all for all queries, [1 or B, 1, T, T]
     * @param last for the last ones, [B, 1, 1, T]
     */
    private record Masks(NDArray all, NDArray last) {}

    /**
     * Makes what every layer will ask for.
     *
     * @param rotaries those of the layers
     * @param windows those of the layers; 0 for none
     */
    Sequences(
            TokenBatch batch,
            Collection<RotaryEmbedding> rotaries,
            Set<Integer> windows,
            NDManager pass,
            DataType dataType) {
        this.batch = batch;
        this.pass = pass;
        this.dataType = dataType;
        size = batch.size();
        tokens = batch.tokens();
        ids = Constants.array(pass, batch.ids());
        lastRows = Constants.array(pass, batch.lastRows());
        rotaries.forEach(r -> slices.put(r, r.slice(batch, pass)));
        windows.forEach(window -> masks.computeIfAbsent(reach(window), this::masks));
    }

    /** How many tokens a query sees at most: a window that is longer than the batch hides nothing. */
    private int reach(int window) {
        return window == 0 ? tokens : Math.min(window, tokens);
    }

    private Masks masks(int reach) {
        NDArray causal = Constants.array(pass, causal(tokens, reach), new Shape(1, 1, tokens, tokens), dataType);
        NDArray last = forLast(reach);
        if (batch.realTokens() == size * tokens) {
            return new Masks(causal, last);
        }
        return new Masks(causal.add(reach == tokens ? last : forLast(tokens)), last);
    }

    /** Takes what a backward pass needs out of the scope that would close it. */
    void keepForBackward() {
        slices.values().forEach(RotaryEmbedding.Slice::keepForBackward);
    }

    private static double[] causal(int tokens, int reach) {
        double[] values = new double[tokens * tokens];
        for (int t = 0; t < tokens; t++) {
            Arrays.fill(values, t * tokens, t * tokens + Math.max(0, t + 1 - reach), HIDDEN);
            Arrays.fill(values, t * tokens + t + 1, (t + 1) * tokens, HIDDEN);
        }
        return values;
    }

    /** Hides padding, which is all that may follow a last real token, and what it does not reach; [B, 1, 1, T]. */
    private NDArray forLast(int reach) {
        double[] values = new double[size * tokens];
        for (int b = 0; b < size; b++) {
            int before = batch.last(b) - reach;
            for (int key = 0; key < tokens; key++) {
                values[b * tokens + key] = key <= before || !batch.isReal(b, key) ? HIDDEN : 0;
            }
        }
        return Constants.array(pass, values, new Shape(size, 1, 1, tokens), dataType);
    }

    /** How positions turn queries and keys of this batch. */
    RotaryEmbedding.Slice rotary(RotaryEmbedding embedding) {
        return slices.get(embedding);
    }

    /**
     * What is added to scores: [1 or B, 1, T, T] for all queries, [B, 1, 1, T] for the last ones.
     *
     * @param window of a layer: how many tokens a query sees, itself included; 0 for all before it
     */
    NDArray mask(int window, boolean lastOnly) {
        Masks of = masks.get(reach(window));
        return lastOnly ? of.last : of.all;
    }

    /** The rows of the last real tokens: [N, width] to [B, width]. */
    NDArray last(NDArray rows) {
        return Embedding.embedding(lastRows, rows, SparseFormat.DENSE).singletonOrThrow();
    }

    /**
     * The counterpart of {@link #last}: gradients by the last real tokens [S, B, width] to [S, N, width], zero
     * elsewhere.
     */
    NDArray spread(NDArray last) {
        double[] places = new double[size * tokens * size];
        long[] rows = batch.lastRows();
        for (int b = 0; b < size; b++) {
            places[(int) rows[b] * size + b] = 1;
        }
        return Constants.array(pass, places, new Shape(1, (long) size * tokens, size), dataType)
                .matMul(last);
    }
}
