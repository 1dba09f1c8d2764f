package io.calibrant.trainer;

/**
 * The part of a curvature pass that one process makes: batches b with b mod count = index.
 *
 * @param index from 0
 * @param count how many processes share the pass
 */
public record Shard(int index, int count) {
    /** The whole pass. */
    public static final Shard WHOLE = new Shard(0, 1);

    /** @throws IllegalArgumentException naming value and accepted range */
    public Shard {
        if (count < 1 || index < 0 || index >= count) {
            throw new IllegalArgumentException("--shard: found " + index + "/" + count
                    + ", accepted is i/N with i from 0 to N - 1, for example 0/2 and 1/2");
        }
    }

    /**
     * Reads i/N.
     *
     * @throws IllegalArgumentException naming value and accepted form
     */
    public static Shard parse(String text) {
        if (!text.matches("\\d{1,6}/\\d{1,6}")) {
            throw new IllegalArgumentException(
                    "--shard: found '" + text + "', accepted is i/N with i from 0 to N - 1, for example 0/2 and 1/2");
        }
        int slash = text.indexOf('/');
        return new Shard(Integer.parseInt(text.substring(0, slash)), Integer.parseInt(text.substring(slash + 1)));
    }

    boolean has(long batch) {
        return batch % count == index;
    }

    @Override
    public String toString() {
        return index + "/" + count;
    }
}
