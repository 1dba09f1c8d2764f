package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.core.Embedding;

/** What all layers need to know about a batch, on the device, made once a pass. */
final class Sequences {

    /** Added to the score of a key that must not be seen: finite, so that a padding query gives no NaN. */
    private static final double HIDDEN = -1e30;

    final int size;
    final int tokens;
    final NDArray ids;
    final RotaryEmbedding.Slice rotary;
    private final NDArray mask;
    private final NDArray lastMask;
    private final NDArray lastRows;
    private final TokenBatch batch;
    private final NDManager pass;
    private final DataType dataType;

    Sequences(TokenBatch batch, RotaryEmbedding embedding, NDManager pass, DataType dataType) {
        this.batch = batch;
        this.pass = pass;
        this.dataType = dataType;
        size = batch.size();
        tokens = batch.tokens();
        ids = Constants.array(pass, batch.ids());
        lastRows = Constants.array(pass, batch.lastRows());
        rotary = embedding.slice(tokens, pass);
        NDArray causal = Constants.array(pass, causal(tokens), new Shape(1, 1, tokens, tokens), dataType);
        if (batch.realTokens() == size * tokens) {
            mask = causal;
            lastMask = Constants.array(pass, new double[tokens], new Shape(1, 1, 1, tokens), dataType);
        } else {
            NDArray padding = Constants.array(pass, padding(batch), new Shape(size, 1, 1, tokens), dataType);
            mask = causal.add(padding);
            lastMask = padding; // nothing real follows the last real token
        }
    }

    /** Takes what a backward pass needs out of the scope that would close it. */
    void keepForBackward() {
        NDScope.unregister(rotary.cosQ(), rotary.sinQ(), rotary.cosK(), rotary.sinK());
    }

    private static double[] causal(int tokens) {
        double[] values = new double[tokens * tokens];
        for (int t = 0; t < tokens; t++) {
            for (int key = t + 1; key < tokens; key++) {
                values[t * tokens + key] = HIDDEN;
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

    /** What is added to scores: [1 or B, 1, T, T] for all queries, [1 or B, 1, 1, T] for the last ones. */
    NDArray mask(boolean lastOnly) {
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
