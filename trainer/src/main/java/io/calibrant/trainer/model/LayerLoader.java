package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Hands the operations of one layer their weights, by the names that Hugging Face gives them. */
final class LayerLoader {
    private final WeightLoader weights;
    private final ModelConfig config;
    private final NDArray epsilon;
    private final Map<String, LinearShape> shapes;
    private final int layer;

    private LayerLoader(
            WeightLoader weights, ModelConfig config, NDArray epsilon, Map<String, LinearShape> shapes, int layer) {
        this.weights = weights;
        this.config = config;
        this.epsilon = epsilon;
        this.shapes = shapes;
        this.layer = layer;
    }

    /**
     * For the first layer.
     *
     * @param epsilon what RMSNorm adds, [1]
     */
    static LayerLoader first(WeightLoader weights, ModelConfig config, NDArray epsilon) {
        Map<String, LinearShape> shapes =
                config.linears().stream().collect(Collectors.toMap(LinearShape::path, Function.identity()));
        return new LayerLoader(weights, config, epsilon, shapes, 0);
    }

    LayerLoader next() {
        return new LayerLoader(weights, config, epsilon, shapes, layer + 1);
    }

    ModelConfig config() {
        return config;
    }

    /**
     * A linear map, for example {@code q_proj}.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException naming file, tensor, expected and found
     */
    Linear linear(String name, boolean withBias) {
        LinearShape shape = shapes.get(ModelConfig.path(layer, name));
        String path = shape.path();
        return new Linear(
                path,
                weights.load(path + ".weight", shape.outputs(), shape.inputs()),
                withBias ? weights.load(path + ".bias", shape.outputs()) : null);
    }

    /**
     * An RMSNorm, for example {@code input_layernorm}.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException naming file, tensor, expected and found
     */
    RmsNorm norm(String name, int width) {
        return new RmsNorm(weights.load(ModelConfig.layerPath(layer) + "." + name + ".weight", width), epsilon);
    }
}
