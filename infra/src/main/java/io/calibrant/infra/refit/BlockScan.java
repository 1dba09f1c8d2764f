package io.calibrant.infra.refit;

import io.calibrant.schemas.Shard;
import io.calibrant.schemas.avro.Statistics;
import java.util.BitSet;
import java.util.Optional;
import java.util.function.LongPredicate;

/** The batches of one block of a checkpoint that are on the topic. Not thread-safe. */
final class BlockScan {
    /** A name that says more is not believed: something is kept for each of them. */
    private static final int MOST_SHARDS = 9_999;

    private final BitSet there = new BitSet();
    private final BitSet selected = new BitSet();
    private int shards = 1;

    /** Whether the partition that the block's records are in no longer starts with its first record. */
    private boolean truncated;

    /** Takes a record in: its own block, or one that shares its input. */
    void add(Statistics value, boolean isSelected, boolean partitionTruncated) {
        truncated |= partitionTruncated;
        shards = Math.max(shards, Math.max(value.getStride(), shardsOf(value.getSource())));
        for (int i = 0; i < value.getBatches(); i++) {
            long batch = value.getBatch() + (long) i * value.getStride();
            if (batch < 0 || batch >= Integer.MAX_VALUE) {
                return; // impossible: the fitter will refuse it
            }
            there.set((int) batch);
            if (isSelected) {
                selected.set((int) batch);
            }
        }
    }

    private static int shardsOf(String source) {
        return shard(source).map(Shard::count).orElse(1);
    }

    /** A shard by its name; empty where that is none, or one of more than are believed. */
    static Optional<Shard> shard(String source) {
        return Shard.find(source).filter(shard -> shard.count() <= MOST_SHARDS);
    }

    /** How many batches are to be folded. */
    long selected() {
        return selected.cardinality();
    }

    /** One more than the highest batch that is there. */
    long end() {
        return there.length();
    }

    /**
     * The batches of a range that retention has dropped: those before the first that is left of their shard. Of a shard
     * of which nothing is left that is all.
     *
     * @param to exclusive
     * @param wanted which batches of the range are asked for
     */
    BitSet dropped(long from, long to, LongPredicate wanted) {
        BitSet dropped = new BitSet();
        if (!truncated) {
            return dropped;
        }
        long[] first = new long[shards];
        java.util.Arrays.fill(first, Long.MAX_VALUE);
        for (int batch = there.nextSetBit(0); batch >= 0; batch = there.nextSetBit(batch + 1)) {
            first[batch % shards] = Math.min(first[batch % shards], batch);
        }
        for (long batch = from; batch < to; batch++) {
            if (wanted.test(batch) && batch < first[(int) (batch % shards)]) {
                dropped.set((int) batch);
            }
        }
        return dropped;
    }

    /** The batches of a range that are neither there nor dropped: they have not been sent yet, or never will be. */
    long missing(long from, long to, LongPredicate wanted) {
        BitSet gone = dropped(from, to, wanted);
        long missing = 0;
        for (long batch = from; batch < to; batch++) {
            missing += wanted.test(batch) && !there.get((int) batch) && !gone.get((int) batch) ? 1 : 0;
        }
        return missing;
    }

    /** The block has nothing at all on a topic of which something is dropped. */
    void nothingLeft() {
        truncated = true;
    }
}
