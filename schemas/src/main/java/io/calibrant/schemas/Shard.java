package io.calibrant.schemas;

import java.util.Comparator;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The part of a curvature pass that one process makes: of N shards, shard i takes the batches i, i + N, i + 2N, ... Its
 * name i/N is the source of its statistics. Ordered by the number of shards, then by shard.
 *
 * @param index i, from 0
 * @param count N, how many processes share the pass
 */
public record Shard(int index, int count) implements Comparable<Shard> {
    /** The whole pass. */
    public static final Shard WHOLE = new Shard(0, 1);

    private static final Pattern NAME = Pattern.compile("(\\d{1,9})/(\\d{1,9})");
    private static final Comparator<Shard> ORDER =
            Comparator.comparingInt(Shard::count).thenComparingInt(Shard::index);

    /** @throws ConfigurationException unless 0 <= i < N */
    public Shard {
        if (count < 1 || index < 0 || index >= count) {
            throw refused(index + "/" + count);
        }
    }

    /**
     * Reads i/N.
     *
     * @throws ConfigurationException unless 0 <= i < N
     */
    public static Shard parse(String name) {
        return find(name).orElseThrow(() -> refused(name));
    }

    /** Reads i/N; empty where the text is not the name of a shard. */
    public static Optional<Shard> find(String name) {
        Matcher matcher = NAME.matcher(name);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        int index = Integer.parseInt(matcher.group(1));
        int count = Integer.parseInt(matcher.group(2));
        return index < count ? Optional.of(new Shard(index, count)) : Optional.empty();
    }

    /** Whether a batch, numbered from 0 over the whole pass, is one of this shard's. */
    public boolean has(long batch) {
        return batch % count == index;
    }

    /** How many of the batches 0 to {@code end} - 1 are this shard's. */
    public long batchesBelow(long end) {
        return (end - index + count - 1) / count;
    }

    @Override
    public int compareTo(Shard other) {
        return ORDER.compare(this, other);
    }

    private static ConfigurationException refused(String value) {
        return new ConfigurationException("--shard", value, "i/N with i from 0 to N - 1");
    }

    @Override
    public String toString() {
        return index + "/" + count;
    }
}
