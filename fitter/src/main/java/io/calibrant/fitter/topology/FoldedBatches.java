package io.calibrant.fitter.topology;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Which batches of a pass are folded, in little room: all below a number, and single ones beyond.
 *
 * @param below every batch below this number is folded
 * @param beyond the folded batches at or above it, ascending
 */
record FoldedBatches(long below, List<Long> beyond) {
    boolean contains(long batch) {
        return batch < below || Collections.binarySearch(beyond, batch) >= 0;
    }

    /** With one more, which was not there. */
    FoldedBatches plus(long batch) {
        List<Long> next = new ArrayList<>(beyond);
        next.add(-Collections.binarySearch(beyond, batch) - 1, batch);
        long end = below;
        int gone = 0;
        while (gone < next.size() && next.get(gone) == end) {
            gone++;
            end++;
        }
        return new FoldedBatches(end, List.copyOf(next.subList(gone, next.size())));
    }
}
