package io.calibrant.trainer.llama;

/**
 * One linear map of the model.
 *
 * @param path the module path of Hugging Face, for example {@code model.layers.0.self_attn.q_proj} or {@code lm_head}
 * @param inputs width of its input
 * @param outputs width of its output
 */
public record LinearShape(String path, int inputs, int outputs) {

    private static final String LAYERS = "model.layers.";

    /** The layer it is in; for the head, which is in none, the largest integer. */
    public int layer() {
        return path.startsWith(LAYERS)
                ? Integer.parseInt(path.substring(LAYERS.length(), path.indexOf('.', LAYERS.length())))
                : Integer.MAX_VALUE;
    }
}
