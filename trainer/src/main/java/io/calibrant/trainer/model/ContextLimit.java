package io.calibrant.trainer.model;

/**
 * How long a sequence may be: what the model was made for, or where its rotary frequencies are stretched, up to where
 * that reaches.
 *
 * @param tokens the longest sequence
 * @param key of {@code config.json} that says so
 */
public record ContextLimit(int tokens, String key) {

    /** The positions that the model was made for. */
    static ContextLimit ofPositions(int positions) {
        return new ContextLimit(positions, "max_position_embeddings");
    }
}
