package io.calibrant.trainer.model;

/**
 * How long a sequence may be for the forward pass to be that of the model. Within a sliding window, and within the
 * range where a scaling of the rotary frequencies changes nothing, a model is what it is without them.
 *
 * @param tokens the longest sequence
 * @param key of {@code config.json} that says so
 */
public record ContextLimit(int tokens, String key) {

    /** The positions that the model was made for. */
    static ContextLimit ofPositions(int positions) {
        return new ContextLimit(positions, "max_position_embeddings");
    }

    /** The shorter of the two; this one where they are equal. */
    ContextLimit orShorter(int others, String otherKey) {
        return others < tokens ? new ContextLimit(others, otherKey) : this;
    }
}
