package io.calibrant.fitter.labels;

import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.monitoring.AccuracySums;
import java.util.Arrays;

/**
 * What the estimates of accuracy need beyond the figures as served. These have the labelled answers already, those for
 * validation among them, which are taken out again: they are questions of the training kind, and no random part of the
 * others. All of it can be subtracted exactly. Immutable.
 */
final class AccuracyParts {
    /** Numbers that make them up. */
    static final int LENGTH = 10;

    static final AccuracyParts NONE = new AccuracyParts(new long[LENGTH]);

    private static final int UNLABELLED = 0;
    private static final int UNLABELLED_CONFIDENCE = 1;
    private static final int UNLABELLED_SQUARES = 2;
    private static final int LABELLED_SQUARES = 3;
    private static final int RIGHT_CONFIDENCE = 4;
    private static final int JUDGED = 5;
    private static final int UNFAMILIAR = 6;
    private static final int VALIDATED = 7;
    private static final int VALIDATED_RIGHT = 8;
    private static final int VALIDATED_CONFIDENCE = 9;

    private final long[] parts;

    private AccuracyParts(long[] parts) {
        this.parts = parts;
    }

    /** Of an answer for validation; {@link MetricSums#NONE} without a label. */
    static AccuracyParts ofValidation(MetricSums served) {
        long[] parts = new long[LENGTH];
        parts[VALIDATED] = served.n();
        parts[VALIDATED_RIGHT] = served.right();
        parts[VALIDATED_CONFIDENCE] = served.confidence();
        return new AccuracyParts(parts);
    }

    /**
     * Of another answer.
     *
     * @param confidence its top probability
     * @param served its figures; {@link MetricSums#NONE} without a label
     * @param rank null where it is not known
     */
    static AccuracyParts of(double confidence, MetricSums served, FamiliarityRank rank) {
        long[] one = AccuracySums.of(confidence).toLongs();
        long[] parts = new long[LENGTH];
        if (served.n() == 0) {
            parts[UNLABELLED] = 1;
            parts[UNLABELLED_CONFIDENCE] = one[1];
            parts[UNLABELLED_SQUARES] = one[2];
        } else {
            parts[LABELLED_SQUARES] = one[2];
            parts[RIGHT_CONFIDENCE] = served.right() * one[1];
        }
        parts[JUDGED] = rank == null ? 0 : 1;
        parts[UNFAMILIAR] = rank != null && rank.isUnfamiliar() ? 1 : 0;
        return new AccuracyParts(parts);
    }

    /** The sums that estimates are made of, with the figures as served that these belong to. */
    AccuracySums sums(MetricSums served) {
        long labels = served.n() - parts[VALIDATED];
        long confidence = served.confidence() - parts[VALIDATED_CONFIDENCE];
        return AccuracySums.ofLongs(new long[] {
            parts[UNLABELLED] + labels,
            parts[UNLABELLED_CONFIDENCE] + confidence,
            parts[UNLABELLED_SQUARES] + parts[LABELLED_SQUARES],
            labels,
            served.right() - parts[VALIDATED_RIGHT],
            confidence,
            parts[LABELLED_SQUARES],
            parts[RIGHT_CONFIDENCE],
            parts[JUDGED],
            parts[UNFAMILIAR]
        });
    }

    static AccuracyParts ofLongs(long[] parts) {
        return new AccuracyParts(parts.clone());
    }

    long[] toLongs() {
        return parts.clone();
    }

    AccuracyParts plus(AccuracyParts other) {
        return combined(other, 1);
    }

    AccuracyParts minus(AccuracyParts other) {
        return combined(other, -1);
    }

    private AccuracyParts combined(AccuracyParts other, int sign) {
        long[] combined = parts.clone();
        for (int i = 0; i < LENGTH; i++) {
            combined[i] += sign * other.parts[i];
        }
        return new AccuracyParts(combined);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof AccuracyParts others && Arrays.equals(parts, others.parts);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(parts);
    }
}
