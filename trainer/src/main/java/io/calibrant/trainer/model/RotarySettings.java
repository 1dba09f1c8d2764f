package io.calibrant.trainer.model;

import java.util.Optional;

/**
 * How positions turn queries and keys.
 *
 * @param theta base of the rotary frequencies
 * @param partial which part of a head is turned, its first numbers; above 0, at most 1
 * @param scaling how the frequencies are stretched
 * @param queries a factor on the queries by their position, if any
 */
public record RotarySettings(double theta, double partial, RopeScaling scaling, Optional<PositionScale> queries) {

    /** @throws IllegalArgumentException if theta is not positive, or the part is none or more than the whole */
    public RotarySettings {
        if (!(theta > 0)) {
            throw new IllegalArgumentException("rope_theta must be above 0, got " + theta);
        }
        if (!(partial > 0) || partial > 1) {
            throw new IllegalArgumentException("partial_rotary_factor must be above 0, at most 1, got " + partial);
        }
    }

    /** Whole heads, turned by frequencies as they are. */
    static RotarySettings plain(double theta) {
        return new RotarySettings(theta, 1, RopeScaling.none(), Optional.empty());
    }

    /** How many numbers of a head are turned. */
    int width(int headWidth) {
        return (int) (headWidth * partial);
    }

    /** Whether every sequence up to this length is turned by the same numbers, wherever its padding is. */
    boolean isSameUpTo(int tokens) {
        return scaling.variant(tokens) == 0
                && queries.map(q -> tokens <= q.originalMaxPositions()).orElse(true);
    }
}
