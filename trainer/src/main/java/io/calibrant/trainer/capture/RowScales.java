package io.calibrant.trainer.capture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.HalfPrecision;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What DoRA multiplies the rows of an adapted weight by (Liu et al. 2024, section 4.3):
 *
 * <pre>f = m / |W0 + s B A|, row by row</pre>
 *
 * <p>with a norm that is a constant in backward passes, as PEFT has it. Each map's is computed once, when its frozen
 * weight is first seen, and again after {@link #forget}. Thread-safe.
 */
final class RowScales {
    private final Map<String, NDArray> scales = new ConcurrentHashMap<>();

    /**
     * The scales of a map, without a graph.
     *
     * @param weight W0 [Dout, Din]
     * @return f [Dout], which lives until it is forgotten; null for a map of plain LoRA
     */
    NDArray of(LoraWeights.Pair pair, NDArray weight) {
        return pair.magnitude() == null
                ? null
                : scales.computeIfAbsent(
                        pair.linear().path(),
                        path -> Autograd.unrecorded(() -> {
                            NDArray found = trained(pair, weight);
                            NDScope.unregister(found);
                            return found;
                        }));
    }

    /** Those of a map whose weight was seen; null for a map of plain LoRA. */
    NDArray seen(LoraWeights.Pair pair) {
        return pair.magnitude() == null ? null : scales.get(pair.linear().path());
    }

    /**
     * The scales of a map with the weights of this moment, in which m collects a gradient where it is to.
     *
     * @param weight W0 [Dout, Din]
     * @return f [Dout], which belongs to the scope; null for a map of plain LoRA
     */
    static NDArray trained(LoraWeights.Pair pair, NDArray weight) {
        if (pair.magnitude() == null) {
            return null;
        }
        NDArray norms = Autograd.unrecorded(() -> norms(pair, weight));
        NDScope.register(norms);
        return pair.magnitude().div(norms);
    }

    /** The adapter's weights are others than they were. */
    void forget() {
        scales.values().forEach(NDArray::close);
        scales.clear();
    }

    private static NDArray norms(LoraWeights.Pair pair, NDArray weight) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray wide = HalfPrecision.widened(weight, pair.a().getDataType());
            NDArray adapted = pair.b().mul(pair.scaling()).matMul(pair.a()).add(wide);
            NDArray norms = adapted.mul(adapted).sum(new int[] {1}).sqrt();
            NDScope.unregister(norms);
            return norms;
        }
    }
}
