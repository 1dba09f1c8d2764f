package io.calibrant.schemas;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collection;

/**
 * The texts that a run was trained on, in 5 bytes each: enough to recognise a validation question that is one of them,
 * under whatever id. Of more than {@link #MOST} those with the smallest numbers are kept: a sample, of which every
 * question is a member or not by its text alone.
 */
public final class TrainingTexts {
    /** Half a megabyte in the record of the run. */
    static final int MOST = 100_000;

    private static final int BYTES = 5;
    private static final int SHIFT = Long.SIZE - Byte.SIZE * BYTES;

    private final long[] sorted;

    private TrainingTexts(long[] sorted) {
        this.sorted = sorted;
    }

    /** Of training questions. */
    public static TrainingTexts of(Collection<QuestionText> questions) {
        return new TrainingTexts(questions.stream()
                .mapToLong(TrainingTexts::number)
                .sorted()
                .distinct()
                .limit(MOST)
                .toArray());
    }

    /**
     * Of a run's record; an incomplete last number is left out.
     *
     * @param bytes not modified; null for none
     */
    public static TrainingTexts read(ByteBuffer bytes) {
        ByteBuffer in = bytes == null ? ByteBuffer.allocate(0) : bytes.duplicate();
        long[] numbers = new long[in.remaining() / BYTES];
        for (int i = 0; i < numbers.length; i++) {
            for (int b = 0; b < BYTES; b++) {
                numbers[i] = numbers[i] << Byte.SIZE | (in.get() & 0xff);
            }
        }
        Arrays.sort(numbers);
        return new TrainingTexts(numbers);
    }

    /** For a run's record. */
    public ByteBuffer bytes() {
        ByteBuffer out = ByteBuffer.allocate(BYTES * sorted.length);
        for (long number : sorted) {
            for (int b = BYTES - 1; b >= 0; b--) {
                out.put((byte) (number >>> (Byte.SIZE * b)));
            }
        }
        return out.flip();
    }

    /** Whether the run was trained on a question with this text. */
    public boolean contains(QuestionText question) {
        return Arrays.binarySearch(sorted, number(question)) >= 0;
    }

    /** Whether nothing is known: the run was published by a trainer that did not say it. */
    public boolean isEmpty() {
        return sorted.length == 0;
    }

    private static long number(QuestionText question) {
        return question.content() >>> SHIFT;
    }
}
