package io.calibrant.trainer.lora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.HostCopy;
import io.calibrant.trainer.model.LinearShape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An adapter's weights on the device: leaves of the graph in training, which an optimizer changes in place. They own
 * their memory and live until closed.
 */
public final class LoraWeights implements AutoCloseable {

    private final NDManager manager;
    private final Adapter origin;
    private final Map<String, Pair> pairs;

    /**
     * The weights of one map.
     *
     * @param linear the adapted map; for the head its outputs are the class tokens
     * @param a lora_A, [r, Din]
     * @param b lora_B, [Dout, r]
     */
    public record Pair(LinearShape linear, NDArray a, NDArray b) {}

    /**
     * Copies an adapter to the device of {@code parent}.
     *
     * @param dataType that of the model
     */
    public LoraWeights(Adapter adapter, NDManager parent, DataType dataType) {
        manager = parent.newSubManager();
        origin = adapter;
        Map<String, Pair> made = new LinkedHashMap<>();
        int rank = adapter.settings().rank();
        adapter.matrices().forEach((path, m) -> {
            LinearShape l = m.linear();
            made.put(
                    path,
                    new Pair(
                            l,
                            Constants.array(manager, m.a(), new Shape(rank, l.inputs()), dataType),
                            Constants.array(manager, m.b(), new Shape(l.outputs(), rank), dataType)));
        });
        pairs = Collections.unmodifiableMap(made);
    }

    /** The weights by module path, in the order of the forward pass. */
    public Map<String, Pair> pairs() {
        return pairs;
    }

    /** The lowest adapted layer; the largest integer if only the head is adapted. */
    public int lowestLayer() {
        return pairs.values().stream().mapToInt(p -> p.linear.layer()).min().orElseThrow();
    }

    /** Whether passes in training mode collect gradients in these weights. */
    public void setTrainable(boolean trainable) {
        pairs.values().forEach(p -> {
            p.a.setRequiresGradient(trainable);
            p.b.setRequiresGradient(trainable);
        });
    }

    /** The weights as they are now, copied to the host. */
    public Adapter snapshot() {
        List<LoraMatrices> now = new ArrayList<>();
        pairs.values()
                .forEach(p ->
                        now.add(new LoraMatrices(p.linear, origin.settings().rank(), host(p.a), host(p.b))));
        return origin.with(now);
    }

    private static float[] host(NDArray array) {
        if (array.getDataType() == DataType.FLOAT32) {
            return HostCopy.of(array, NDArray::toFloatArray);
        }
        double[] wide = HostCopy.of(array, NDArray::toDoubleArray);
        float[] values = new float[wide.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) wide[i];
        }
        return values;
    }

    @Override
    public void close() {
        manager.close();
    }
}
