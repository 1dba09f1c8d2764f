package io.calibrant.fitter.folding;

import io.calibrant.schemas.Shard;
import io.calibrant.schemas.avro.BatchSequence;
import io.calibrant.schemas.avro.Statistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Which shards of a pass still have batches to send. */
public final class MissingShards {
    /** With more shards than this none is named: the counts below are taken at every fold. */
    private static final int MOST = 1024;

    private MissingShards() {}

    /**
     * The shards of which batches are missing, i/N; none where there is one shard, or the pass has no end.
     *
     * @param of a statistic of the pass, which says how many shards there are
     * @param folded what is folded, with that statistic
     * @param expected batches of the pass; null for a pass without an end
     */
    public static List<String> of(Statistics of, FoldedBatches folded, Long expected) {
        Optional<Shard> source = Shard.find(of.getSource());
        int shards = source.isEmpty() ? of.getStride() : source.get().count();
        if (expected == null || shards < 2 || shards > MOST) {
            return List.of();
        }
        long[] left = new long[shards];
        for (int i = 0; i < shards; i++) {
            Shard shard = new Shard(i, shards);
            left[i] = shard.batchesBelow(expected) - shard.batchesBelow(folded.below());
        }
        for (BatchSequence sequence : folded.beyond()) {
            // Its batches go round the shards: of each round the same number of batches falls to the same shards.
            long round = shards / gcd(sequence.getStride() % shards, shards);
            for (long i = 0; i < Math.min(round, sequence.getBatches()); i++) {
                long batch = sequence.getFirst() + i * sequence.getStride();
                left[(int) (batch % shards)] -= (sequence.getBatches() - i - 1) / round + 1;
            }
        }
        List<String> missing = new ArrayList<>();
        for (int i = 0; i < shards; i++) {
            if (left[i] > 0) {
                missing.add(new Shard(i, shards).toString());
            }
        }
        return missing;
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }
}
