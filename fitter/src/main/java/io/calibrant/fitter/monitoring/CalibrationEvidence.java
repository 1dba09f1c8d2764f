package io.calibrant.fitter.monitoring;

import java.util.Arrays;
import java.util.Map;
import java.util.NavigableMap;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * An e-process against "the served probabilities are calibrated" (Arnold, Henzi, Ziegel 2023, Sequentially valid tests
 * for forecast calibration). Under it the label is drawn from p whatever came before, so q(label) / p(label) is 1 on
 * average for any other distribution q, and so is every product of such ratios. Theirs estimate q from the past; here
 * it is one of eight fixed ones: p sharpened or flattened (p^b, normalised), or a part g of it at even odds.
 *
 * <p>Which of them, and from which day on, nobody knows: the capital 1 is divided equally among them, and a share 1 /
 * (j (j + 1)) begins to bet with the answers of day j, 1 / (j + 1) is left after it. So a change that comes late is
 * found, too, and the whole is still an e-process: that it ever reaches E has a probability of 1 / E or less (Ville
 * 1939).
 *
 * <p>It is kept as sums of log q(label) / p(label) by day, in fixed point, so that labels may come in any order, and
 * what a label has added can be taken out exactly. Days that are more than {@value #DAYS} before the newest are put
 * together with the first. Immutable.
 */
public final class CalibrationEvidence {
    /** The alarm is on from this value: of 100 fits whose probabilities are right at most one ever reaches it. */
    public static final double THRESHOLD = 100;

    /** Alternatives: numbers of a day. */
    public static final int LENGTH = 8;

    /** No label. */
    public static final CalibrationEvidence NONE = new CalibrationEvidence(new TreeMap<>());

    private static final double[] POWERS = {1.0 / 3, .5, .7, 1.4, 2};
    private static final double[] EVEN_ODDS = {.05, .15, .4};

    /** Days that are kept apart: for so long labels are awaited. */
    private static final long DAYS = 90;

    private static final long DAY_MILLIS = 86_400_000;

    /** Of log q / p, rounded down, so that rounding never adds evidence. */
    private static final double UNIT = 0x1p-12;

    /** Smaller probabilities count as this: it makes the evidence smaller, and keeps it finite. */
    private static final double SMALLEST = 1e-12;

    /** The logarithm of the largest value that is told apart. */
    private static final double MOST = 690;

    /** By day since 1970, one sum an alternative. */
    private final NavigableMap<Long, long[]> days;

    private CalibrationEvidence(NavigableMap<Long, long[]> days) {
        this.days = days;
    }

    /**
     * Of one labelled answer.
     *
     * @param time of the answer, milliseconds
     * @param served probabilities [C] as they were served, before the label was known
     * @param label index of the true class
     */
    public static CalibrationEvidence of(long time, double[] served, int label) {
        long[] sums = new long[LENGTH];
        double p = Math.max(SMALLEST, served[label]);
        for (int i = 0; i < POWERS.length; i++) {
            double sum = 0;
            for (double each : served) {
                sum += Math.pow(each, POWERS[i]);
            }
            sums[i] = fixed(Math.pow(p, POWERS[i]) / sum / p);
        }
        for (int i = 0; i < EVEN_ODDS.length; i++) {
            double g = EVEN_ODDS[i];
            sums[POWERS.length + i] = fixed(((1 - g) * p + g / served.length) / p);
        }
        return ofDays(Map.of(Math.floorDiv(time, DAY_MILLIS), sums));
    }

    private static long fixed(double ratio) {
        return (long) Math.floor(Math.log(ratio) / UNIT);
    }

    /**
     * What was written down.
     *
     * @param days what {@link #days()} gave; copied
     */
    public static CalibrationEvidence ofDays(Map<Long, long[]> days) {
        TreeMap<Long, long[]> copy = new TreeMap<>();
        days.forEach((day, sums) -> {
            if (!isZero(sums)) {
                copy.put(day, Arrays.copyOf(sums, LENGTH));
            }
        });
        return new CalibrationEvidence(copy);
    }

    private static boolean isZero(long[] sums) {
        return Arrays.stream(sums).allMatch(each -> each == 0);
    }

    /** Sums by day since 1970; a copy. */
    public NavigableMap<Long, long[]> days() {
        NavigableMap<Long, long[]> copy = new TreeMap<>();
        days.forEach((day, sums) -> copy.put(day, sums.clone()));
        return copy;
    }

    /** Both together. */
    public CalibrationEvidence plus(CalibrationEvidence other) {
        return combined(other, 1);
    }

    /** This without the other. */
    public CalibrationEvidence minus(CalibrationEvidence other) {
        return combined(other, -1);
    }

    private CalibrationEvidence combined(CalibrationEvidence other, int sign) {
        if (other.days.isEmpty()) {
            return this;
        }
        NavigableMap<Long, long[]> combined = days();
        other.days.forEach((day, sums) -> add(combined, day, sums, sign));
        long first = combined.firstKey();
        long oldest = combined.lastKey() - DAYS;
        if (first <= oldest) {
            SortedMap<Long, long[]> old = combined.subMap(first, false, oldest, true);
            new TreeMap<>(old).values().forEach(sums -> add(combined, first, sums, 1));
            old.clear();
        }
        combined.values().removeIf(CalibrationEvidence::isZero);
        return new CalibrationEvidence(combined);
    }

    private static void add(Map<Long, long[]> days, long day, long[] sums, int sign) {
        long[] to = days.computeIfAbsent(day, key -> new long[LENGTH]);
        for (int i = 0; i < LENGTH; i++) {
            to[i] += sign * sums[i];
        }
    }

    /** Whether no label is in it. */
    public boolean isEmpty() {
        return days.isEmpty();
    }

    /** The e-value: 1 without labels. */
    public double value() {
        double sum = 0;
        for (double each : fromEachDay().values()) {
            sum += each;
        }
        return sum + (days.isEmpty() ? 1 : 1.0 / (days.lastKey() - days.firstKey() + 2));
    }

    /** The start of the day from which on the labels speak most against the probabilities, ms; 0 without labels. */
    public long since() {
        long since = 0;
        double most = 0;
        for (Map.Entry<Long, Double> each : fromEachDay().entrySet()) {
            if (each.getValue() > most) {
                most = each.getValue();
                since = each.getKey() * DAY_MILLIS;
            }
        }
        return since;
    }

    /** What the capital that begins with each day has become; that of days without labels begins with the next. */
    private SortedMap<Long, Double> fromEachDay() {
        SortedMap<Long, Double> values = new TreeMap<>();
        long[] sums = new long[LENGTH];
        for (Map.Entry<Long, long[]> each : days.descendingMap().entrySet()) {
            double mean = 0;
            for (int i = 0; i < LENGTH; i++) {
                sums[i] += each.getValue()[i];
                mean += Math.exp(Math.min(MOST, sums[i] * UNIT)) / LENGTH;
            }
            long day = each.getKey();
            Long before = days.lowerKey(day);
            double share =
                    1.0 / (before == null ? 1 : before - days.firstKey() + 2) - 1.0 / (day - days.firstKey() + 2);
            values.put(day, share * mean);
        }
        return values;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CalibrationEvidence others
                && days.keySet().equals(others.days.keySet())
                && days.entrySet().stream()
                        .allMatch(each -> Arrays.equals(each.getValue(), others.days.get(each.getKey())));
    }

    @Override
    public int hashCode() {
        return days.keySet().hashCode();
    }
}
