package io.calibrant.trainer.capture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * What the attention maps of every layer read at the last real token of each sequence: [B, D], layer by layer. One row
 * of a sequence is copied and the layer's array can go, so that memory does not grow with depth times length.
 */
final class LastInputs {
    private final List<NDArray> layers = new ArrayList<>();

    /** Takes those of the next layer, without a graph. */
    void add(Supplier<NDArray> last) {
        NDArray rows = Autograd.unrecorded(last);
        NDScope.unregister(rows);
        layers.add(rows);
    }

    List<NDArray> layers() {
        return List.copyOf(layers);
    }
}
