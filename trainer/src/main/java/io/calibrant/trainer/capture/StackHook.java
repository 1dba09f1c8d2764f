package io.calibrant.trainer.capture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.BackwardHook;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.ModelConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * h = W0 x + s B (A x) without a graph, and back: dL/dx = W0^T dL/dh + s A^T (B^T dL/dh). DoRA multiplies the rows of h
 * by f ({@link RowScales}), and so those of dL/dh. One per pass.
 */
final class StackHook implements LinearHook, BackwardHook {
    private final LoraWeights weights;
    private final RowScales rowScales;
    private final NDArray scaling;
    private final Set<String> wanted;
    private final long batchSize;
    private final Map<String, Capture> captures = new HashMap<>();
    private Consumer<LinearGradient> visitor = gradient -> {};
    private final LastInputs lastInputs = new LastInputs();
    private NDArray headInput;

    /**
     * What is kept of one adapted map.
     *
     * @param input x [rows, Din]
     * @param lowRank A x [rows, r]
     */
    private record Capture(NDArray input, NDArray lowRank) {}

    /**
     * For a pass.
     *
     * @param scaling the adapter's own s, [1]
     * @param wanted the maps whose gradients are asked for
     */
    StackHook(LoraWeights weights, RowScales rowScales, NDArray scaling, Set<String> wanted, long batchSize) {
        this.weights = weights;
        this.rowScales = rowScales;
        this.scaling = scaling;
        this.wanted = wanted;
        this.batchSize = batchSize;
    }

    /** What the attention maps of every layer read at the last real tokens, [B, D]. */
    List<NDArray> lastInputs() {
        return lastInputs.layers();
    }

    void visitor(Consumer<LinearGradient> next) {
        visitor = next;
    }

    @Override
    public boolean needsAllTokens(String path) {
        return wanted.contains(path);
    }

    @Override
    public int recordsFrom() {
        return Integer.MAX_VALUE;
    }

    @Override
    public void attentionInput(Supplier<NDArray> last) {
        lastInputs.add(last);
    }

    @Override
    public NDArray apply(String path, NDArray x, NDArray weight, NDArray base) {
        LoraWeights.Pair pair = weights.pairs().get(path);
        if (pair == null) {
            if (path.equals(ModelConfig.HEAD) && wanted.contains(ModelConfig.SCORE)) {
                headInput = x;
                NDScope.unregister(x);
            }
            return LinearHook.unrecorded(x, weight, base);
        }
        NDArray lowRank = LinearHook.linear(x, pair.a(), null);
        if (wanted.contains(path)) {
            captures.put(path, new Capture(x, lowRank));
            NDScope.unregister(x, lowRank);
        }
        NDArray scale = rowScales.of(pair, weight);
        NDArray update = LinearHook.linear(lowRank.mul(pair.scaling()), pair.b(), scale == null ? base : null);
        NDArray h = LinearHook.unrecorded(x, weight, update);
        if (scale == null) {
            return h;
        }
        h.muli(scale);
        return base == null ? h : h.addi(base);
    }

    /**
     * Shows the block of a classifier's head, if it is wanted: its output is the logits.
     *
     * @param cotangents dL/dz [S, B, K]
     */
    void visitHead(NDArray cotangents) {
        if (headInput == null) {
            return;
        }
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            long[] shape = cotangents.getShape().getShape();
            visitor.accept(new LinearGradient(
                    ModelConfig.SCORE,
                    shaped(headInput, batchSize, 1),
                    null,
                    cotangents.div(scaling).reshape(shape[0], shape[1], 1, shape[2]),
                    null));
        }
    }

    @Override
    public boolean adapts(String path) {
        return weights.pairs().containsKey(path);
    }

    @Override
    public NDArray beforeRowScales(String path, NDArray gradient) {
        NDArray scale = rowScales.seen(weights.pairs().get(path));
        return scale == null ? gradient : gradient.mul(scale);
    }

    @Override
    public NDArray apply(String path, NDArray gradient, long stack, NDArray base) {
        LoraWeights.Pair pair = weights.pairs().get(path);
        Capture capture = captures.remove(path);
        if (capture == null && base == null) {
            return null;
        }
        // Only who looks sees a scaling of the map's own in the gradient; else it is enough in its projection.
        boolean relative = capture != null && pair.relative() != null;
        NDArray seen = relative ? gradient.mul(pair.relative()) : gradient;
        NDArray projected = seen.matMul(pair.b());
        if (capture != null) {
            long tokens = capture.lowRank.getShape().get(0) / batchSize;
            visitor.accept(new LinearGradient(
                    path,
                    shaped(capture.input, batchSize, tokens),
                    shaped(capture.lowRank, batchSize, tokens),
                    shaped(seen, stack, batchSize, tokens),
                    shaped(projected, stack, batchSize, tokens)));
            // To be freed with the layer, not now: several maps may share their input.
            NDScope.register(capture.input);
            NDScope.register(capture.lowRank);
        }
        return base == null
                ? null
                : LinearHook.linear(
                        projected.muli(relative ? scaling : pair.scaling()),
                        pair.a().transpose(),
                        base);
    }

    private static NDArray shaped(NDArray rows, long... leading) {
        long[] shape = java.util.Arrays.copyOf(leading, leading.length + 1);
        shape[leading.length] = rows.getShape().get(1);
        return rows.reshape(shape);
    }
}
