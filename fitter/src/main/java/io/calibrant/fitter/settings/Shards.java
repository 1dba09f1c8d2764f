package io.calibrant.fitter.settings;

import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The processes that share a pass: shard i of N sends the batches i, i + N, ... */
public final class Shards {
    private static final Pattern SOURCE = Pattern.compile("(\\d{1,9})/(\\d{1,9})");

    private Shards() {}

    /**
     * Shard i of N.
     *
     * @param index from 0
     * @param count how many there are
     */
    public record Shard(int index, int count) {
        /** Whether it is the one that sends a batch. */
        public boolean has(long batch) {
            return batch % count == index;
        }

        /** How many of the batches below a number are its own. */
        public long share(long below) {
            return (below - index + count - 1) / count;
        }

        @Override
        public String toString() {
            return index + "/" + count;
        }
    }

    /** A shard by its name, or null where that is none. */
    public static Shard parse(String source) {
        Matcher matcher = SOURCE.matcher(source);
        if (!matcher.matches()) {
            return null;
        }
        Shard shard = new Shard(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
        return shard.index < shard.count ? shard : null;
    }

    /** First by number of shards, then by shard. */
    public static Comparator<String> order() {
        return Comparator.comparingInt((String shard) -> parse(shard).count)
                .thenComparingInt(shard -> parse(shard).index);
    }
}
