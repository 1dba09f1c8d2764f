package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.core.Embedding;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/** What all layers need to know about a batch, on the device, made once a pass. */
final class Sequences {

    /** Added to the score of a key that must not be seen: finite, so that a padding query gives no NaN. */
    private static final double HIDDEN = -1e30;

    final int size;
    final int tokens;
    final NDArray ids;
    private final NDArray mask;
    private final NDArray lastMask;
    private final NDArray windowMask;
    private final NDArray lastWindowMask;
    private final Map<RotaryEmbedding, RotaryEmbedding.Slice> slices = new HashMap<>();
    private final NDArray lastRows;
    private final TokenBatch batch;
    private final NDManager pass;
    private final DataType dataType;

    /**
     * Makes what every layer will ask for.
     *
     * @param rotaries those of the layers
     * @param window that of the layers that have one; 0 for none
     */
    Sequences(TokenBatch batch, Collection<RotaryEmbedding> rotaries, int window, NDManager pass, DataType dataType) {
        this.batch = batch;
        this.pass = pass;
        this.dataType = dataType;
        size = batch.size();
        tokens = batch.tokens();
        ids = Constants.array(pass, batch.ids());
        lastRows = Constants.array(pass, batch.lastRows());
        rotaries.forEach(r -> slices.put(r, r.slice(batch, pass)));
        Shape square = new Shape(1, 1, tokens, tokens);
        NDArray causal = Constants.array(pass, causal(tokens, tokens), square, dataType);
        boolean windowed = window > 0 && window < tokens;
        NDArray near = windowed ? Constants.array(pass, causal(tokens, window), square, dataType) : null;
        lastWindowMask = windowed
                ? Constants.array(pass, lastWindow(batch, window), new Shape(size, 1, 1, tokens), dataType)
                : null;
        if (batch.realTokens() == size * tokens) {
            mask = causal;
            windowMask = near;
            lastMask = Constants.array(pass, new double[tokens], new Shape(1, 1, 1, tokens), dataType);
        } else {
            NDArray padding = Constants.array(pass, padding(batch), new Shape(size, 1, 1, tokens), dataType);
            mask = causal.add(padding);
            windowMask = windowed ? near.add(padding) : null;
            lastMask = padding; // nothing real follows the last real token
        }
    }

    /** Takes what a backward pass needs out of the scope that would close it. */
    void keepForBackward() {
        slices.values().forEach(RotaryEmbedding.Slice::keepForBackward);
    }

    /** @param window how many tokens a query sees, itself included */
    private static double[] causal(int tokens, int window) {
        double[] values = new double[tokens * tokens];
        for (int t = 0; t < tokens; t++) {
            for (int key = 0; key <= t - window; key++) {
                values[t * tokens + key] = HIDDEN;
            }
            for (int key = t + 1; key < tokens; key++) {
                values[t * tokens + key] = HIDDEN;
            }
        }
        return values;
    }

    /** For the last tokens: hides padding, and what lies before the window. */
    private static double[] lastWindow(TokenBatch batch, int window) {
        double[] values = padding(batch);
        for (int b = 0; b < batch.size(); b++) {
            for (int key = 0; key <= batch.last(b) - window; key++) {
                values[b * batch.tokens() + key] = HIDDEN;
            }
        }
        return values;
    }

    private static double[] padding(TokenBatch batch) {
        double[] values = new double[batch.size() * batch.tokens()];
        for (int b = 0; b < batch.size(); b++) {
            for (int t = 0; t < batch.tokens(); t++) {
                values[b * batch.tokens() + t] = batch.isReal(b, t) ? 0 : HIDDEN;
            }
        }
        return values;
    }

    /** How positions turn queries and keys of this batch. */
    RotaryEmbedding.Slice rotary(RotaryEmbedding embedding) {
        return slices.get(embedding);
    }

    /**
     * What is added to scores: [1 or B, 1, T, T] for all queries, [1 or B, 1, 1, T] for the last ones.
     *
     * @param window how many tokens a query sees, itself included; 0 for all before it
     */
    NDArray mask(int window, boolean lastOnly) {
        if (window > 0 && windowMask != null) {
            return lastOnly ? lastWindowMask : windowMask;
        }
        return lastOnly ? lastMask : mask;
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
