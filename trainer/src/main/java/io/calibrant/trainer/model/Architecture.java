package io.calibrant.trainer.model;

/**
 * What distinguishes one family of decoder-only models from another, as a value. {@link Family} derives it from
 * {@code config.json}; the operations consult it when they are loaded, and nothing else asks for a model type.
 *
 * <p>A feature that is not listed here is not supported, and a configuration that asks for it is refused.
 * CONTRIBUTING.md, "Add an architecture", says which class would take which of them.
 *
 * @param modelType {@code model_type} of the configuration, for example {@code qwen3}
 * @param biases which linear maps have a bias
 * @param headNorms whether every head of the queries and keys passes an RMSNorm before it is rotated
 * @param tiedHead whether the head's weight is the embedding table
 */
public record Architecture(String modelType, Biases biases, boolean headNorms, boolean tiedHead) {

    /**
     * Which linear maps have a bias.
     *
     * @param queryKeyValue q, k and v
     * @param attentionOutput o
     * @param feedForward gate, up and down
     */
    public record Biases(boolean queryKeyValue, boolean attentionOutput, boolean feedForward) {
        /** No map. */
        public static final Biases NONE = new Biases(false, false, false);
    }

    /** No biases and no norms on the heads. */
    static Architecture plain(String modelType, boolean tiedHead) {
        return new Architecture(modelType, Biases.NONE, false, tiedHead);
    }

    Architecture withBiases(Biases others) {
        return new Architecture(modelType, others, headNorms, tiedHead);
    }

    Architecture withHeadNorms() {
        return new Architecture(modelType, biases, true, tiedHead);
    }
}
