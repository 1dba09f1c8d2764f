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
import java.util.Optional;

/**
 * An adapter's weights on the device: leaves of the graph in training, which an optimizer changes in place. They own
 * their memory and live until closed.
 */
public final class LoraWeights implements AutoCloseable {

    private final NDManager manager;
    private final Adapter origin;
    private final Map<String, Pair> pairs;
    private final NDArray head;
    private final List<NDArray> parameters = new ArrayList<>();

    /**
     * The weights of one map.
     *
     * @param linear the adapted map; for the head its outputs are the class tokens
     * @param a lora_A, [r, Din]
     * @param b lora_B, [Dout, r]
     * @param magnitude m of DoRA [Dout]; null for plain LoRA
     * @param scaling s of this map, [1]
     * @param relative s of this map over that of the adapter, [1]; null where they are the same
     */
    public record Pair(LinearShape linear, NDArray a, NDArray b, NDArray magnitude, NDArray scaling, NDArray relative) {
        /** r. */
        public int rank() {
            return Math.toIntExact(a.getShape().get(0));
        }
    }

    /**
     * Copies an adapter to the device of {@code parent}.
     *
     * @param dataType that of the model
     */
    public LoraWeights(Adapter adapter, NDManager parent, DataType dataType) {
        manager = parent.newSubManager();
        origin = adapter;
        Map<String, Pair> made = new LinkedHashMap<>();
        LoraSettings settings = adapter.settings();
        double common = settings.scaling();
        adapter.matrices().forEach((path, m) -> {
            LinearShape l = m.linear();
            double own = settings.scaling(path);
            made.put(
                    path,
                    new Pair(
                            l,
                            Constants.array(manager, m.a(), new Shape(m.rank(), l.inputs()), dataType),
                            Constants.array(manager, m.b(), new Shape(l.outputs(), m.rank()), dataType),
                            m.magnitude()
                                    .map(all -> Constants.array(manager, all, new Shape(l.outputs()), dataType))
                                    .orElse(null),
                            Constants.scalar(manager, own, dataType),
                            own == common ? null : Constants.scalar(manager, own / common, dataType)));
        });
        pairs = Collections.unmodifiableMap(made);
        head = adapter.classifier()
                .map(of -> Constants.array(manager, of.weight(), new Shape(of.classes(), of.width()), dataType))
                .orElse(null);
        pairs.values().forEach(pair -> {
            parameters.add(pair.a);
            parameters.add(pair.b);
            if (pair.magnitude != null) {
                parameters.add(pair.magnitude);
            }
        });
        if (head != null) {
            parameters.add(head);
        }
    }

    /** The weights by module path, in the order of the forward pass. */
    public Map<String, Pair> pairs() {
        return pairs;
    }

    /** The head of a sequence classifier, [K, D]; empty where there is none. */
    public Optional<NDArray> head() {
        return Optional.ofNullable(head);
    }

    /** What an optimizer changes, in the order of {@link Adapter#parameters}. */
    public List<NDArray> parameters() {
        return List.copyOf(parameters);
    }

    /** The lowest adapted layer; the largest integer if only the head is adapted. */
    public int lowestLayer() {
        return pairs.values().stream().mapToInt(p -> p.linear.layer()).min().orElseThrow();
    }

    /** Whether passes in training mode collect gradients in these weights. */
    public void setTrainable(boolean trainable) {
        parameters.forEach(parameter -> parameter.setRequiresGradient(trainable));
    }

    /** The weights as they are now, copied to the host. */
    public Adapter snapshot() {
        return origin.with(parameters.stream().map(LoraWeights::host).toList());
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
