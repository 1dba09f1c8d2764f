package io.calibrant.trainer.safetensors;

import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * A part of many elements that one thread takes at a time.
 *
 * @param from the first element
 * @param size how many there are
 */
public record Piece(long from, int size) {
    /** Elements of all pieces but the last: what a thread makes of so many stays in its cache. */
    private static final int ELEMENTS = 1 << 17;

    /** The pieces of so many elements, for all threads there are. */
    public static Stream<Piece> of(long elements) {
        return LongStream.range(0, (elements + ELEMENTS - 1) / ELEMENTS)
                .parallel()
                .mapToObj(p -> new Piece(p * ELEMENTS, (int) Math.min(ELEMENTS, elements - p * ELEMENTS)));
    }

    /** The first element where all of them lie in one buffer. */
    public int begin() {
        return Math.toIntExact(from);
    }

    /** The element after the last one, likewise. */
    public int end() {
        return begin() + size;
    }
}
