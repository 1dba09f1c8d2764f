package io.calibrant.fitter.folding;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Which batches of a pass are folded, stored compactly: all below a number, and single ones beyond.
 *
 * @param below every batch below this number is folded
 * @param beyond the folded batches at or above it, ascending
 */
public record FoldedBatches(long below, List<Long> beyond) {
    boolean contains(long batch) {
        return batch < below || Collections.binarySearch(beyond, batch) >= 0;
    }

    /** How many of the batches first, first + stride, ... are folded. */
    public int count(long first, int batches, long stride) {
        int count = 0;
        for (int i = 0; i < batches; i++) {
            count += contains(first + i * stride) ? 1 : 0;
        }
        return count;
    }

    /** With the batches first, first + stride, ... as well, none of which was there. */
    public FoldedBatches plus(long first, int batches, long stride) {
        List<Long> next = new ArrayList<>(beyond.size() + batches);
        int old = 0;
        for (int i = 0; i < batches; i++) {
            long batch = first + i * stride;
            while (old < beyond.size() && beyond.get(old) < batch) {
                next.add(beyond.get(old++));
            }
            next.add(batch);
        }
        next.addAll(beyond.subList(old, beyond.size()));
        long end = below;
        int gone = 0;
        while (gone < next.size() && next.get(gone) == end) {
            gone++;
            end++;
        }
        return new FoldedBatches(end, List.copyOf(next.subList(gone, next.size())));
    }
}
