package io.calibrant.trainer.capture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.calibrant.trainer.model.ForwardTape;
import io.calibrant.trainer.model.TokenBatch;
import java.util.List;
import java.util.function.Consumer;

/**
 * One forward pass in evaluation mode and one backward pass of our own that carries all cotangents of the batch,
 * stacked. No graph: several threads may each run one on the same model. Owns all its arrays until it is closed.
 */
public final class StackedPass implements AutoCloseable {
    private final TokenBatch batch;
    private final ForwardTape tape;
    private final StackHook hook;
    private final NDManager manager;

    StackedPass(TokenBatch batch, ForwardTape tape, StackHook hook, NDManager manager) {
        this.batch = batch;
        this.tape = tape;
        this.hook = hook;
        this.manager = manager;
    }

    /** What was run. */
    public TokenBatch batch() {
        return batch;
    }

    /** Logits of the class tokens at the last real token, [B, K]. */
    public NDArray logits() {
        return tape.logits();
    }

    /** What the attention maps of every layer read at the last real token, by layer: [B, D]. */
    public List<NDArray> lastInputs() {
        return hook.lastInputs();
    }

    /** The manager that owns this pass's arrays: a place for arrays that should go with it. */
    public NDManager manager() {
        return manager;
    }

    /**
     * Goes back from the logits to the lowest map asked for. Once only.
     *
     * @param cotangents dL/dz of S losses, [S, B, K]; not modified
     * @param visitor is shown each map asked for, from the head down, each layer's from back to front; the calling
     *     thread records no graph meanwhile
     * @throws IllegalStateException the second time
     */
    public void backward(NDArray cotangents, Consumer<LinearGradient> visitor) {
        hook.visitor(visitor);
        Autograd.unrecorded(() -> {
            hook.visitHead(cotangents);
            tape.backward(cotangents, hook);
            return null;
        });
    }

    @Override
    public void close() {
        manager.close();
    }
}
