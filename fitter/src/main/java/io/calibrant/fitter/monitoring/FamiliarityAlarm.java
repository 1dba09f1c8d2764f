package io.calibrant.fitter.monitoring;

import io.calibrant.fitter.familiarity.ScoreCalibration;
import java.util.Arrays;

/**
 * Whether the questions are still of the kind that the model was made for, question by question. Begins anew when it is
 * raised, so that one false alarm is expected in so many questions, the next one, too. Immutable.
 */
public final class FamiliarityAlarm {
    /** Before the first question. */
    public static final FamiliarityAlarm START =
            new FamiliarityAlarm(ShiryaevRoberts.START, 0, new long[words()], Alarm.NEVER);

    /** Questions of which the newest share is known, and after which an alarm goes off that is not raised again. */
    public static final int RECENT = 1000;

    private final ShiryaevRoberts sums;
    private final long questions;

    /** Of question i modulo {@link #RECENT} whether it was unfamiliar. */
    private final long[] recent;

    private final Alarm alarm;

    private FamiliarityAlarm(ShiryaevRoberts sums, long questions, long[] recent, Alarm alarm) {
        this.sums = sums;
        this.questions = questions;
        this.recent = recent;
        this.alarm = alarm;
    }

    private static int words() {
        return (RECENT + Long.SIZE - 1) / Long.SIZE;
    }

    /**
     * What was written down.
     *
     * @param recent what {@link #recentBits()} gave; copied
     */
    public static FamiliarityAlarm of(ShiryaevRoberts sums, long questions, long[] recent, Alarm alarm) {
        return new FamiliarityAlarm(sums, questions, Arrays.copyOf(recent, words()), alarm);
    }

    /**
     * After one more question.
     *
     * @param time of its answer, milliseconds
     * @param exceeding k, the calibration scores that are at least its own
     * @param scores n, the calibration scores
     * @param expectedRunLength M, questions expected until a false alarm
     */
    public FamiliarityAlarm next(long time, int exceeding, int scores, double expectedRunLength) {
        int at = (int) (questions % RECENT);
        long[] bits = recent.clone();
        long bit = 1L << (at % Long.SIZE);
        boolean unfamiliar = ScoreCalibration.isUnfamiliar(ScoreCalibration.pValue(exceeding, scores));
        bits[at / Long.SIZE] = unfamiliar ? bits[at / Long.SIZE] | bit : bits[at / Long.SIZE] & ~bit;
        ShiryaevRoberts next = sums.next(CorrectedPValue.of(exceeding, scores));
        boolean raised = next.value() >= expectedRunLength;
        return new FamiliarityAlarm(
                raised ? ShiryaevRoberts.START : next,
                questions + 1,
                bits,
                raised ? alarm.raised(time) : alarm.quiet(RECENT));
    }

    /** The sums since the start, or since it was raised last. */
    public ShiryaevRoberts sums() {
        return sums;
    }

    /** Questions so far. */
    public long questions() {
        return questions;
    }

    /** How many questions {@link #recentlyUnfamiliar()} is about. */
    public int recent() {
        return (int) Math.min(questions, RECENT);
    }

    /** How many of the newest questions were unfamiliar. */
    public int recentlyUnfamiliar() {
        return Arrays.stream(recent).mapToInt(Long::bitCount).sum();
    }

    /** Which of the newest questions were unfamiliar, to write down; a copy. */
    public long[] recentBits() {
        return recent.clone();
    }

    public Alarm alarm() {
        return alarm;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof FamiliarityAlarm others
                && sums.equals(others.sums)
                && questions == others.questions
                && Arrays.equals(recent, others.recent)
                && alarm.equals(others.alarm);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(questions) + 31 * Arrays.hashCode(recent);
    }
}
