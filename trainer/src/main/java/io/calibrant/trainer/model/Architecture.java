package io.calibrant.trainer.model;

import java.util.OptionalDouble;

/**
 * What distinguishes one family of decoder-only models from another, as a value. {@link Family} derives it from
 * {@code config.json}; the operations consult it when they are loaded, and nothing else asks for a model type. What
 * differs from layer to layer is {@link AttentionKind}'s.
 *
 * <p>A feature that is not listed here is not supported, and a configuration that asks for it is refused.
 * CONTRIBUTING.md, "Add an architecture", says which class would take which of them.
 *
 * @param modelType {@code model_type} of the configuration, for example {@code qwen3}
 * @param biases which linear maps have a bias
 * @param norms where norms are, and what their weights mean
 * @param fusedMaps whether q, k and v are one linear map, qkv_proj, and gate and up another, gate_up_proj
 * @param activation of the gate
 * @param scales constants that multiply, divide or cap
 * @param tiedHead whether the head's weight is the embedding table
 */
public record Architecture(
        String modelType,
        Biases biases,
        Norms norms,
        boolean fusedMaps,
        Activation activation,
        Scales scales,
        boolean tiedHead) {

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

    /**
     * The RMSNorms besides the final one.
     *
     * @param places where attention and feed-forward network have theirs
     * @param queryKey what of queries and keys is normalised before they are rotated
     * @param aroundOne whether a norm's weight is 1 + w, w being what the file holds
     */
    public record Norms(Places places, QueryKey queryKey, boolean aroundOne) {
        /** As in Llama: x + attention(norm(x)), nothing on queries and keys. */
        public static final Norms LLAMA = new Norms(Places.BEFORE, QueryKey.NONE, false);

        /** Where an operation has its norms. */
        public enum Places {
            /** x + f(norm(x)). */
            BEFORE,
            /** x + norm(f(x)). */
            AFTER,
            /** x + norm(f(norm(x))). */
            AROUND
        }

        /** What of queries and keys is normalised. */
        public enum QueryKey {
            /** Nothing. */
            NONE,
            /** Every head by itself; the weight has the width of a head. */
            EACH_HEAD,
            /** All heads of a token together; the weight has their joint width. */
            ALL_HEADS
        }
    }

    /**
     * Constants of the forward pass.
     *
     * @param embedding multiplies the embeddings
     * @param embeddingOfType whether that number is rounded to the type of the embeddings before
     * @param residual multiplies what attention and feed-forward network add to the residual stream
     * @param scores multiplies the attention's scores; empty for 1 / sqrt(E)
     * @param scoreCap c of c tanh(score / c); empty for none
     * @param logitDivisor divides the logits
     * @param logitCap c of c tanh(logit / c), after the division; empty for none
     */
    public record Scales(
            double embedding,
            boolean embeddingOfType,
            double residual,
            OptionalDouble scores,
            OptionalDouble scoreCap,
            double logitDivisor,
            OptionalDouble logitCap) {
        /** As in Llama: all 1, no cap. */
        public static final Scales NONE =
                new Scales(1, false, 1, OptionalDouble.empty(), OptionalDouble.empty(), 1, OptionalDouble.empty());

        /** What embeddings are multiplied by that are held in a type. */
        double embedding(BaseType type) {
            return embeddingOfType && type != BaseType.F32 ? type.elementType().nearest((float) embedding) : embedding;
        }
    }

    /** As in Llama, without biases. */
    static Architecture plain(String modelType, boolean tiedHead) {
        return new Architecture(modelType, Biases.NONE, Norms.LLAMA, false, Activation.SILU, Scales.NONE, tiedHead);
    }

    Architecture with(Biases others) {
        return new Architecture(modelType, others, norms, fusedMaps, activation, scales, tiedHead);
    }

    Architecture with(Norms others) {
        return new Architecture(modelType, biases, others, fusedMaps, activation, scales, tiedHead);
    }

    Architecture withFusedMaps() {
        return new Architecture(modelType, biases, norms, true, activation, scales, tiedHead);
    }

    Architecture with(Activation other) {
        return new Architecture(modelType, biases, norms, fusedMaps, other, scales, tiedHead);
    }

    Architecture with(Scales others) {
        return new Architecture(modelType, biases, norms, fusedMaps, activation, others, tiedHead);
    }
}
