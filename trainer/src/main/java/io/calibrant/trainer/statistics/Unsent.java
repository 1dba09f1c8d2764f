package io.calibrant.trainer.statistics;

/**
 * What waits in a {@link SendQueue}.
 *
 * @param batches that are not sent
 * @param bytes of them
 * @param blocked whether the trainer has waited for the broker for a second or longer, and still does
 */
public record Unsent(int batches, long bytes, boolean blocked) {
    /** Nothing waits. */
    public static final Unsent NONE = new Unsent(0, 0, false);
}
