package io.calibrant.trainer.model;

/**
 * The sizes of a model. Messages of exceptions call them as {@code config.json} does.
 *
 * @param vocabulary tokens in the vocabulary
 * @param width D
 * @param layers L
 * @param heads H, query heads
 * @param keyValueHeads V; divides H
 * @param headWidth E; even; not always D / H
 * @param feedForwardWidth F
 * @param maxPositions longest sequence
 */
public record ModelSizes(
        int vocabulary,
        int width,
        int layers,
        int heads,
        int keyValueHeads,
        int headWidth,
        int feedForwardWidth,
        int maxPositions) {

    /** More is a damaged file; every layer takes memory before a weight is read. */
    private static final int MOST_LAYERS = 10_000;

    /** @throws IllegalArgumentException if sizes contradict each other */
    public ModelSizes {
        requirePositive("vocab_size", vocabulary);
        requirePositive("hidden_size", width);
        requirePositive("num_hidden_layers", layers);
        requirePositive("num_attention_heads", heads);
        requirePositive("num_key_value_heads", keyValueHeads);
        requirePositive("head_dim", headWidth);
        requirePositive("intermediate_size", feedForwardWidth);
        requirePositive("max_position_embeddings", maxPositions);
        if (layers > MOST_LAYERS) {
            throw new IllegalArgumentException("num_hidden_layers must be at most " + MOST_LAYERS + ", got " + layers);
        }
        if ((long) heads * headWidth > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("num_attention_heads times head_dim must be at most " + Integer.MAX_VALUE
                    + ", got " + heads + " times " + headWidth);
        }
        if (heads % keyValueHeads != 0) {
            throw new IllegalArgumentException("num_attention_heads must be a multiple of num_key_value_heads "
                    + keyValueHeads + ", got " + heads);
        }
        if (headWidth % 2 != 0) {
            throw new IllegalArgumentException("head_dim must be even, got " + headWidth);
        }
    }

    private static void requirePositive(String key, int value) {
        if (value <= 0) {
            throw new IllegalArgumentException(key + " must be 1 or more, got " + value);
        }
    }
}
