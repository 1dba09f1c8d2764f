package io.calibrant.trainer.capture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.norm.Dropout;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.ModelConfig;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * h = W0 x + s B (A x), with dropout before A in training and a probe on h where it is captured; DoRA multiplies the
 * rows of all this by f ({@link RowScales}), and then the probe is within. Of an x that dropout makes x~, DoRA sees x~
 * alone, as in PEFT: h = W0 x + (f - 1) W0 x~ + f s B (A x~). One per pass.
 */
final class LoraHook implements LinearHook {

    private final LoraWeights weights;
    private final LoraSettings settings;
    private final RowScales rowScales;
    private final Mode mode;
    private final boolean keepsHead;
    private final NDManager pass;
    private NDArray headInput;
    private final Map<String, Capture> captures = new LinkedHashMap<>();
    private final Map<Shape, NDArray> zeros = new HashMap<>();
    private final LastInputs lastInputs = new LastInputs();

    /**
     * What is seen of one adapted map.
     *
     * @param input x, [rows, Din], before dropout
     * @param lowRank A x, [rows, r], after dropout in training
     * @param probe the zero leaf on the output, [rows, Dout]
     */
    record Capture(NDArray input, NDArray lowRank, NDArray probe) {}

    /** @param keepsHead whether the input of a classifier's head is captured, too */
    LoraHook(
            LoraWeights weights,
            LoraSettings settings,
            RowScales rowScales,
            Mode mode,
            boolean keepsHead,
            NDManager pass) {
        this.weights = weights;
        this.settings = settings;
        this.rowScales = rowScales;
        this.mode = mode;
        this.keepsHead = keepsHead;
        this.pass = pass;
    }

    /** What was captured, in the order of the forward pass; empty if the mode does not probe. */
    Map<String, Capture> captures() {
        return Collections.unmodifiableMap(captures);
    }

    /** h of a classifier's head, [B, D]; empty where it was not captured. */
    Optional<NDArray> headInput() {
        return Optional.ofNullable(headInput);
    }

    /**
     * What the attention maps of every layer read at the last real tokens, [B, D]; none of a training pass unprobed.
     */
    List<NDArray> lastInputs() {
        return lastInputs.layers();
    }

    @Override
    public boolean needsAllTokens(String path) {
        return mode.isProbed() && weights.pairs().containsKey(path);
    }

    @Override
    public int recordsFrom() {
        return mode == Mode.PLAIN ? Integer.MAX_VALUE : weights.lowestLayer();
    }

    @Override
    public void attentionInput(Supplier<NDArray> last) {
        if (!mode.isTraining() || mode.isProbed()) {
            lastInputs.add(last);
        }
    }

    @Override
    public NDArray apply(String path, NDArray x, NDArray weight, NDArray base) {
        LoraWeights.Pair pair = weights.pairs().get(path);
        if (pair == null) {
            return frozen(x, path.equals(ModelConfig.HEAD) ? head(x, weight) : weight, base);
        }
        boolean drop = mode.isTraining() && settings.dropout() > 0;
        NDArray seen =
                drop ? Dropout.dropout(x, (float) settings.dropout(), true).singletonOrThrow() : x;
        NDArray lowRank =
                LinearHook.linear(seen, mode.isTraining() ? pair.a() : pair.a().stopGradient(), null);
        NDArray scale = mode.isTraining() ? RowScales.trained(pair, weight) : rowScales.of(pair, weight);
        NDArray target = scale == null ? base : null;
        if (mode.isProbed()) {
            NDArray probe = probe(new Shape(x.getShape().get(0), pair.linear().outputs()), x.getDataType());
            keep(path, new Capture(x, lowRank, probe));
            target = target == null ? probe : probe.add(target);
        }
        NDArray b = mode.isTraining() ? pair.b() : pair.b().stopGradient();
        NDArray update = LinearHook.linear(lowRank.mul(pair.scaling()), b, target);
        if (scale == null) {
            return frozen(x, weight, update);
        }
        NDArray scaled = frozen(seen, weight, update).mul(scale);
        if (drop) { // f - 1 multiplies what LoRA sees of W0 x
            return LinearHook.linear(x.sub(seen), weight, base).add(scaled);
        }
        return base == null ? scaled : scaled.add(base);
    }

    /** The head as this mode has it; that of a classifier collects gradients in training alone. */
    private NDArray head(NDArray x, NDArray weight) {
        if (keepsHead && mode.isProbed()) {
            headInput = x;
            NDScope.unregister(x);
        }
        return mode == Mode.PROBED ? weight.stopGradient() : weight;
    }

    /** W0 x + base; a plain pass records no graph of it. */
    private NDArray frozen(NDArray x, NDArray weight, NDArray base) {
        return mode == Mode.PLAIN ? LinearHook.unrecorded(x, weight, base) : LinearHook.linear(x, weight, base);
    }

    /** A leaf of its own; its zeros, which nothing writes to, are those of all probes of its shape. */
    private NDArray probe(Shape shape, DataType dataType) {
        NDArray all = zeros.computeIfAbsent(shape, s -> {
            NDArray made = pass.zeros(s, dataType);
            NDScope.unregister(made);
            return made;
        });
        NDArray probe = all.stopGradient();
        probe.setRequiresGradient(true);
        return probe;
    }

    private void keep(String path, Capture capture) {
        captures.put(path, capture);
        NDScope.unregister(capture.input, capture.lowRank, capture.probe);
    }
}
