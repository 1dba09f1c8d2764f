package io.calibrant.trainer.model;

/**
 * One linear map of the model.
 *
 * @param path the module path of Hugging Face, for example {@code model.layers.0.self_attn.q_proj} or {@code lm_head}
 * @param inputs width of its input
 * @param outputs width of its output
 */
public record LinearShape(String path, int inputs, int outputs) {

    /** {@link ModelConfig#layerOf} its path. */
    public int layer() {
        return ModelConfig.layerOf(path);
    }
}
