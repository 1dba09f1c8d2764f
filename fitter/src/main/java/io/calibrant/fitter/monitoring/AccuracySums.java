package io.calibrant.fitter.monitoring;

import java.util.Arrays;

/**
 * Answers as sums from which their accuracy is estimated. They can be subtracted exactly: in fixed point, so that any
 * order of {@link #plus} and {@link #minus} ends at the same bits. A unit is 2^-32. Immutable.
 */
public final class AccuracySums {
    /** Numbers that make up the sums. */
    public static final int LENGTH = 10;

    /** No answer. */
    public static final AccuracySums NONE = new AccuracySums(new long[LENGTH]);

    private static final double UNIT = 0x1p-32;

    private static final int ANSWERS = 0;
    private static final int CONFIDENCE = 1;
    private static final int SQUARES = 2;
    private static final int LABELLED = 3;
    private static final int RIGHT = 4;
    private static final int LABELLED_CONFIDENCE = 5;
    private static final int LABELLED_SQUARES = 6;
    private static final int RIGHT_CONFIDENCE = 7;
    private static final int JUDGED = 8;
    private static final int UNFAMILIAR = 9;

    private final long[] sums;

    private AccuracySums(long[] sums) {
        this.sums = sums;
    }

    /**
     * One answer without a label.
     *
     * @param confidence its top probability f, 0 to 1
     * @throws IllegalArgumentException if it is out of range
     */
    public static AccuracySums of(double confidence) {
        if (!(confidence >= 0 && confidence <= 1)) {
            throw new IllegalArgumentException("a confidence must be 0 to 1, got " + confidence);
        }
        long[] sums = new long[LENGTH];
        sums[ANSWERS] = 1;
        sums[CONFIDENCE] = fixed(confidence);
        sums[SQUARES] = fixed(confidence * confidence);
        return new AccuracySums(sums);
    }

    /** The same answer with its label; for sums of one answer only. */
    public AccuracySums labelled(boolean right) {
        long[] with = sums.clone();
        with[LABELLED] = 1;
        with[RIGHT] = right ? 1 : 0;
        with[LABELLED_CONFIDENCE] = sums[CONFIDENCE];
        with[LABELLED_SQUARES] = sums[SQUARES];
        with[RIGHT_CONFIDENCE] = right ? sums[CONFIDENCE] : 0;
        return new AccuracySums(with);
    }

    /** The same answer with whether its question is unfamiliar; for sums of one answer only. */
    public AccuracySums judged(boolean unfamiliar) {
        long[] with = sums.clone();
        with[JUDGED] = 1;
        with[UNFAMILIAR] = unfamiliar ? 1 : 0;
        return new AccuracySums(with);
    }

    /**
     * Sums that were written down.
     *
     * @param sums what {@link #toLongs()} gave; copied
     * @throws IllegalArgumentException unless there are {@link #LENGTH}
     */
    public static AccuracySums ofLongs(long[] sums) {
        if (sums.length != LENGTH) {
            throw new IllegalArgumentException(LENGTH + " sums are expected, found " + sums.length);
        }
        return new AccuracySums(sums.clone());
    }

    /** All there is to write down; a copy. */
    public long[] toLongs() {
        return sums.clone();
    }

    /** These and the others. */
    public AccuracySums plus(AccuracySums others) {
        return combined(others, 1);
    }

    /** These without the others. */
    public AccuracySums minus(AccuracySums others) {
        return combined(others, -1);
    }

    private AccuracySums combined(AccuracySums others, int sign) {
        long[] combined = sums.clone();
        for (int i = 0; i < LENGTH; i++) {
            combined[i] += sign * others.sums[i];
        }
        return new AccuracySums(combined);
    }

    /** Number of answers. */
    public long answers() {
        return sums[ANSWERS];
    }

    /** Number of those whose label is known. */
    public long labels() {
        return sums[LABELLED];
    }

    /** Number of those that were right. */
    public long right() {
        return sums[RIGHT];
    }

    /** Number of answers that say how familiar their question is. */
    public long judged() {
        return sums[JUDGED];
    }

    /** Number of those whose question is unfamiliar. */
    public long unfamiliar() {
        return sums[UNFAMILIAR];
    }

    /** Sum of f over all answers. */
    double confidence() {
        return sums[CONFIDENCE] * UNIT;
    }

    /** Sum of f^2 over all answers. */
    double squares() {
        return sums[SQUARES] * UNIT;
    }

    /** Sum of f over the labelled ones. */
    double labelledConfidence() {
        return sums[LABELLED_CONFIDENCE] * UNIT;
    }

    /** Sum of f^2 over the labelled ones. */
    double labelledSquares() {
        return sums[LABELLED_SQUARES] * UNIT;
    }

    /** Sum of f over those that were right. */
    double rightConfidence() {
        return sums[RIGHT_CONFIDENCE] * UNIT;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof AccuracySums others && Arrays.equals(sums, others.sums);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(sums);
    }

    private static long fixed(double value) {
        return Math.round(value / UNIT);
    }
}
