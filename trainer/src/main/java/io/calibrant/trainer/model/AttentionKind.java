package io.calibrant.trainer.model;

import java.util.Optional;

/**
 * What distinguishes the attention of one layer from that of another layer of the same model.
 *
 * @param window how many tokens a query sees, itself included; 0 for all before it
 * @param rotary how positions turn queries and keys; empty if they do not
 */
public record AttentionKind(int window, Optional<RotarySettings> rotary) {

    /** @throws IllegalArgumentException if the window is negative */
    public AttentionKind {
        if (window < 0) {
            throw new IllegalArgumentException("sliding_window must be 1 or more, or null, got " + window);
        }
    }
}
