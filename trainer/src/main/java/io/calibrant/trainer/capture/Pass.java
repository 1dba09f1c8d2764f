package io.calibrant.trainer.capture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.model.TokenBatch;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One forward pass, and as many backward passes as are asked for. Owns everything it hands out until it is closed. Not
 * for use by several threads.
 */
public final class Pass implements AutoCloseable {

    private final TokenBatch batch;
    private final NDArray logits;
    private final LoraHook hook;
    private final Map<String, LoraHook.Capture> captures;
    private final Optional<NDArray> headInput;
    private final LoraSettings settings;
    private final NDManager manager;

    Pass(TokenBatch batch, NDArray logits, LoraHook hook, LoraSettings settings, NDManager manager) {
        this.batch = batch;
        this.logits = logits;
        this.hook = hook;
        captures = hook.captures();
        headInput = hook.headInput();
        this.settings = settings;
        this.manager = manager;
    }

    /** What was run. */
    public TokenBatch batch() {
        return batch;
    }

    /** Logits of the class tokens at the last real token, [B, K]. */
    public NDArray logits() {
        return logits;
    }

    /**
     * What the attention maps of every layer read at the last real token, by layer: [B, D], no graph; none of a
     * training pass that does not probe.
     */
    public List<NDArray> lastInputs() {
        return hook.lastInputs();
    }

    /** s of a map, which stands between dL/dh and the gradients of its LoRA blocks. */
    public double scaling(String path) {
        return settings.scaling(path);
    }

    /** What share of a map's inputs LoRA drops in training. */
    public double dropout() {
        return settings.dropout();
    }

    /** The manager that owns this pass's arrays: a place for arrays that should go with it. */
    public NDManager manager() {
        return manager;
    }

    /** Module paths of the captured maps, in the order of the forward pass; empty unless the mode probes. */
    public Set<String> linears() {
        return captures.keySet();
    }

    /**
     * Input of a captured map, before dropout: [B, T, Din], for lm_head [B, 1, Din] (the last real token). No graph.
     */
    public NDArray input(String path) {
        return threeDimensional(capture(path).input());
    }

    /**
     * Input of a classifier's head, [B, 1, D] (the last real token); empty unless the head is a block and the mode
     * probes. No graph.
     */
    public Optional<NDArray> headInput() {
        return headInput.map(this::threeDimensional);
    }

    /** A x of a captured map, in training after dropout: [B, T, r], for lm_head [B, 1, r]. No graph. */
    public NDArray lowRank(String path) {
        return threeDimensional(capture(path).lowRank());
    }

    /**
     * Back-propagates through the logits. Gradients of the adapter's weights accumulate over backward passes (in the
     * training modes); output gradients are those of the last backward pass alone.
     *
     * @param cotangent dL/dz, [B, K]
     * @param keepGraph whether another backward pass follows
     */
    public void backward(NDArray cotangent, boolean keepGraph) {
        captures.values().forEach(c -> Autograd.zeroGradient(c.probe()));
        Autograd.backward(logits, cotangent, keepGraph);
    }

    /**
     * dL/dh of a captured map after {@link #backward}: [B, T, Dout], for lm_head [B, 1, K]. Zero at padding. Of a DoRA,
     * h is what its row scales multiply. A copy: the next backward pass does not change it, and the caller may close it
     * early.
     */
    public NDArray outputGradient(String path) {
        try (NDArray gradient = capture(path).probe().getGradient()) {
            return threeDimensional(Autograd.unrecorded(gradient::duplicate));
        }
    }

    /** {@link #outputGradient} itself and no copy: to be read before the next backward pass, and not to be changed. */
    public NDArray presentOutputGradient(String path) {
        try (NDArray gradient = capture(path).probe().getGradient()) {
            return threeDimensional(gradient);
        }
    }

    private LoraHook.Capture capture(String path) {
        LoraHook.Capture capture = captures.get(path);
        if (capture == null) {
            throw new IllegalArgumentException(path + " was not captured; captured: " + captures.keySet());
        }
        return capture;
    }

    private NDArray threeDimensional(NDArray rows) {
        long b = batch.size();
        try (NDArray detached = rows.stopGradient()) {
            return detached.reshape(
                    b, rows.getShape().get(0) / b, rows.getShape().get(1));
        }
    }

    @Override
    public void close() {
        manager.close();
    }
}
