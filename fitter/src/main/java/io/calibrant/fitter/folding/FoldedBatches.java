package io.calibrant.fitter.folding;

import io.calibrant.schemas.avro.BatchSequence;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Which batches of a pass are folded, stored compactly: all below a number, and sequences of batches beyond. Shards
 * that are ahead of others leave one sequence each, however far ahead they are.
 *
 * @param below every batch below this number is folded, this one is not
 * @param beyond the folded batches above it: sequences without a batch in common, by their first batches
 */
public record FoldedBatches(long below, List<BatchSequence> beyond) {
    /** No batch. */
    public static final FoldedBatches NONE = new FoldedBatches(0, List.of());

    /** More sequences than this are not kept: no pass leaves so many gaps. */
    static final int MOST_SEQUENCES = 4096;

    /**
     * Batches as a state has them.
     *
     * @param singles batches beyond one by one, ascending: how earlier versions stored them
     */
    static FoldedBatches of(long below, List<Long> singles, List<BatchSequence> sequences) {
        List<BatchSequence> beyond = new ArrayList<>(sequences);
        int from = 0;
        while (from < singles.size()) {
            long step = from + 1 < singles.size() ? singles.get(from + 1) - singles.get(from) : 1;
            long stride = Math.min(step, Integer.MAX_VALUE); // no longer than a record's own: see common
            int to = from + 1;
            while (to < singles.size() && singles.get(to) - singles.get(to - 1) == stride) {
                to++;
            }
            beyond.add(new BatchSequence(singles.get(from), (long) to - from, stride));
            from = to;
        }
        return advanced(below, beyond);
    }

    boolean contains(long batch) {
        return count(batch, 1, 1) > 0;
    }

    /** How many of the batches first, first + stride, ... are folded. */
    public long count(long first, long batches, long stride) {
        long count = first >= below ? 0 : Math.min(batches, (below - first - 1) / stride + 1);
        BatchSequence of = new BatchSequence(first, batches, stride);
        for (BatchSequence each : beyond) {
            count += common(each, of);
        }
        return count;
    }

    /** With the batches first, first + stride, ... as well, none of which was there. */
    public FoldedBatches plus(long first, long batches, long stride) {
        List<BatchSequence> next = new ArrayList<>(beyond);
        BatchSequence added = new BatchSequence(first, batches, stride);
        for (int i = 0; i < next.size(); i++) {
            BatchSequence joined = joined(next.get(i), added);
            if (joined != null) {
                added = joined;
                next.remove(i);
                i = -1; // longer than before, it may reach another one
            }
        }
        next.add(added);
        return advanced(below, next);
    }

    /** One sequence of two of which one goes on where the other ends; null where neither does. */
    private static BatchSequence joined(BatchSequence one, BatchSequence other) {
        boolean isFirst = one.getFirst() < other.getFirst();
        BatchSequence before = isFirst ? one : other;
        BatchSequence after = isFirst ? other : one;
        // A single batch goes on in any step; of two of them the later one says in which.
        long stride = before.getBatches() > 1 ? before.getStride() : after.getStride();
        boolean fits = after.getBatches() == 1 || after.getStride() == stride;
        return fits && after.getFirst() - last(before) == stride
                ? new BatchSequence(before.getFirst(), before.getBatches() + after.getBatches(), stride)
                : null;
    }

    /** With as many batches as possible counted among those below. */
    private static FoldedBatches advanced(long below, List<BatchSequence> sequences) {
        PriorityQueue<BatchSequence> left = new PriorityQueue<>(
                Math.max(1, sequences.size()),
                Comparator.comparingLong(BatchSequence::getFirst).thenComparingLong(BatchSequence::getBatches));
        left.addAll(sequences);
        long end = below;
        while (!left.isEmpty() && left.peek().getFirst() == end) {
            BatchSequence next = left.remove();
            if (next.getStride() == 1) {
                end += next.getBatches();
                continue;
            }
            end++;
            if (next.getBatches() > 1) {
                left.add(
                        new BatchSequence(next.getFirst() + next.getStride(), next.getBatches() - 1, next.getStride()));
            }
        }
        List<BatchSequence> beyond = new ArrayList<>(left.size());
        while (!left.isEmpty()) {
            beyond.add(left.remove());
        }
        return new FoldedBatches(end, List.copyOf(beyond));
    }

    /** How many batches two sequences have in common. */
    private static long common(BatchSequence one, BatchSequence other) {
        long low = Math.max(one.getFirst(), other.getFirst());
        long high = Math.min(last(one), last(other));
        if (low > high) {
            return 0;
        }
        long gcd = gcd(one.getStride(), other.getStride());
        long apart = other.getFirst() - one.getFirst();
        if (apart % gcd != 0) {
            return 0;
        }
        // one.first + steps * one.stride is the first of its batches that the other's step meets, anywhere.
        long modulus = other.getStride() / gcd;
        long inverse = modulus == 1
                ? 0
                : BigInteger.valueOf(one.getStride() / gcd)
                        .modInverse(BigInteger.valueOf(modulus))
                        .longValueExact();
        long steps = Math.floorMod(Math.floorMod(apart / gcd, modulus) * inverse, modulus);
        if (steps > (high - one.getFirst()) / one.getStride()) {
            return 0;
        }
        long met = one.getFirst() + steps * one.getStride();
        long every = one.getStride() * modulus;
        long skipped = met >= low ? 0 : (low - met - 1) / every + 1;
        return Math.max(0, (high - met) / every + 1 - skipped);
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }

    /** The last batch of a sequence. */
    static long last(BatchSequence of) {
        return of.getFirst() + (of.getBatches() - 1) * of.getStride();
    }
}
