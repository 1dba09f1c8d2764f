package io.calibrant.fitter.topology;

import io.calibrant.schemas.avro.Statistics;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The processes that share a pass: shard i of N sends the batches i, i + N, ... */
public final class Shards {
    private static final Pattern SOURCE = Pattern.compile("(\\d{1,9})/(\\d{1,9})");

    /** With more of them only the pass as a whole is told; the counts below are taken at every fold. */
    private static final int MOST = 1024;

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
        long share(long below) {
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

    /**
     * The shards of which batches are missing, i/N; none where there is one shard, or the pass has no end.
     *
     * @param of a statistic of the pass, which says how many shards there are
     * @param folded what is folded, with that statistic
     */
    static List<String> missing(Statistics of, FoldedBatches folded, Long expected) {
        Shard source = parse(of.getSource());
        int shards = source == null ? of.getStride() : source.count;
        if (expected == null || shards < 2 || shards > MOST) {
            return List.of();
        }
        long[] left = new long[shards];
        for (int i = 0; i < shards; i++) {
            Shard shard = new Shard(i, shards);
            left[i] = shard.share(expected) - shard.share(folded.below());
        }
        for (long batch : folded.beyond()) {
            left[(int) (batch % shards)]--;
        }
        List<String> missing = new ArrayList<>();
        for (int i = 0; i < shards; i++) {
            if (left[i] > 0) {
                missing.add(new Shard(i, shards).toString());
            }
        }
        return missing;
    }

    /** First by number of shards, then by shard. */
    static Comparator<String> order() {
        return Comparator.comparingInt((String shard) -> parse(shard).count)
                .thenComparingInt(shard -> parse(shard).index);
    }
}
