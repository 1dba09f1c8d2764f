package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Hands the operations of one layer their weights, by the names that Hugging Face gives them. */
final class LayerLoader {
    private final WeightLoader weights;
    private final ModelConfig config;
    private final NDArray epsilon;
    private final Map<Optional<RotarySettings>, RotaryEmbedding> rotaries;
    private final Map<String, LinearShape> shapes;
    private final int layer;

    private LayerLoader(
            WeightLoader weights,
            ModelConfig config,
            NDArray epsilon,
            Map<Optional<RotarySettings>, RotaryEmbedding> rotaries,
            Map<String, LinearShape> shapes,
            int layer) {
        this.weights = weights;
        this.config = config;
        this.epsilon = epsilon;
        this.rotaries = rotaries;
        this.shapes = shapes;
        this.layer = layer;
    }

    /**
     * For the first layer.
     *
     * @param epsilon what RMSNorm adds, [1]
     * @param rotaries one for every way in which positions turn queries and keys
     */
    static LayerLoader first(
            WeightLoader weights,
            ModelConfig config,
            NDArray epsilon,
            Map<Optional<RotarySettings>, RotaryEmbedding> rotaries) {
        Map<String, LinearShape> shapes =
                config.linears().stream().collect(Collectors.toMap(LinearShape::path, Function.identity()));
        return new LayerLoader(weights, config, epsilon, rotaries, shapes, 0);
    }

    LayerLoader next() {
        return new LayerLoader(weights, config, epsilon, rotaries, shapes, layer + 1);
    }

    ModelConfig config() {
        return config;
    }

    /** How many tokens a query of this layer sees; 0 for all before it. */
    int window() {
        return config.attention().get(layer).window();
    }

    /** The rotary embedding of this layer, which is that of others, too. */
    RotaryEmbedding rotary() {
        return rotaries.get(config.attention().get(layer).rotary());
    }

    /** A constant [1] that lives as long as the model. */
    NDArray constant(double value) {
        return weights.constant(value);
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
        return RmsNorm.load(weights, ModelConfig.layerPath(layer) + "." + name + ".weight", width, config, epsilon);
    }
}
