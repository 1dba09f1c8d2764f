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
 * <p>a constant in backward passes, as PEFT has it. Each map's is computed once, when its frozen weight is first seen,
 * so that the adapter's weights must not change. Thread-safe.
 */
final class RowScales {
    private final Map<String, NDArray> scales = new ConcurrentHashMap<>();

    /**
     * The scales of a map.
     *
     * @param weight W0 [Dout, Din]
     * @return f [Dout], which lives as long as the adapter's weights; null for a map of plain LoRA
     */
    NDArray of(LoraWeights.Pair pair, NDArray weight) {
        return pair.magnitude() == null
                ? null
                : scales.computeIfAbsent(pair.linear().path(), path -> Autograd.unrecorded(() -> scales(pair, weight)));
    }

    /** Those of a map whose weight was seen; null for a map of plain LoRA. */
    NDArray seen(LoraWeights.Pair pair) {
        return pair.magnitude() == null ? null : scales.get(pair.linear().path());
    }

    private static NDArray scales(LoraWeights.Pair pair, NDArray weight) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray wide = HalfPrecision.widened(weight, pair.a().getDataType());
            NDArray adapted = pair.b().mul(pair.scaling()).matMul(pair.a()).add(wide);
            NDArray norms = adapted.mul(adapted).sum(new int[] {1}).sqrt();
            NDArray scales = pair.magnitude().div(norms);
            NDScope.unregister(scales);
            return scales;
        }
    }
}
