package io.calibrant.trainer.model;

/**
 * A factor on the queries that grows with their position, as in Llama 4: 1 + beta log(1 + floor(position / original)).
 *
 * @param beta how fast it grows
 * @param originalMaxPositions up to where it is 1
 */
public record PositionScale(double beta, int originalMaxPositions) {

    /** @throws IllegalArgumentException if the range in which it is 1 is empty */
    public PositionScale {
        if (originalMaxPositions < 1) {
            throw new IllegalArgumentException(
                    "original_max_position_embeddings must be 1 or more, got " + originalMaxPositions);
        }
    }

    /** The factor of the query at a position, counted from 0. */
    double at(int position) {
        return 1 + beta * Math.log1p(Math.floorDiv(position, originalMaxPositions));
    }
}
