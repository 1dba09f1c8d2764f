package io.calibrant.infra.refit;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Batches of a pass that are asked for and that retention has dropped, the same of several blocks.
 *
 * @param checkpoint of the pass
 * @param blocks whose statistics are gone
 * @param ranges first and last batch of each stretch
 * @param expected batches of the pass, so far as that is known
 */
public record Gap(String checkpoint, List<String> blocks, List<Range> ranges, long expected) {
    /** A stretch of batches, both ends included. */
    public record Range(long first, long last) {
        @Override
        public String toString() {
            return first == last ? Long.toString(first) : first + " to " + last;
        }
    }

    Gap(String checkpoint, List<String> blocks, BitSet dropped, long expected) {
        this(checkpoint, List.copyOf(blocks), ranges(dropped), expected);
    }

    private static List<Range> ranges(BitSet dropped) {
        List<Range> ranges = new ArrayList<>();
        for (int first = dropped.nextSetBit(0); first >= 0; ) {
            int end = dropped.nextClearBit(first);
            ranges.add(new Range(first, end - 1L));
            first = dropped.nextSetBit(end);
        }
        return ranges;
    }

    /** In words. */
    @Override
    public String toString() {
        List<Range> shown = ranges.size() > 4 ? ranges.subList(0, 4) : ranges;
        return "batches " + shown.stream().map(Range::toString).collect(Collectors.joining(", "))
                + (shown.size() < ranges.size() ? " and more" : "") + " of " + expected + " of checkpoint " + checkpoint
                + " in " + blocks.size() + (blocks.size() == 1 ? " block (" : " blocks (for example ") + blocks.get(0)
                + ")";
    }
}
