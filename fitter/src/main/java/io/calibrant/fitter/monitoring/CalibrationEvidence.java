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
 * found, too.
 *
 * <p>It is kept as sums of log q(label) / p(label) by day, in fixed point, so that labels may come in any order, and
 * what a label has added can be taken out exactly. Days that are {@value #DAYS} or more before the newest are put
 * together with the first; the capital that began with them is given up. Day 1 is that of the oldest answer that was
 * known when the first label came. It stays, since a share that a later label moved would be a bet on labels that are
 * known; labels of answers of earlier days are counted to it.
 *
 * <p>So every capital has a share that no label moves, is multiplied by ratios that are 1 on average, and may be given
 * up: the whole is a supermartingale, and that it ever reaches E has a probability of 1 / E or less (Ville 1939).
 * Immutable.
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

    /**
     * By day since 1970, one sum an alternative. The first one stays where its sums are zeros, and so does the last one
     * where labels are left whose days may have been put together for it: they are taken out where they were counted.
     * All others have some.
     */
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

    /**
     * Of an answer without a label: where it comes before all labels, the days may begin with its own.
     *
     * @param time of the answer, milliseconds
     */
    public static CalibrationEvidence answered(long time) {
        return ofDays(Map.of(Math.floorDiv(time, DAY_MILLIS), new long[LENGTH]));
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
        days.forEach((day, sums) -> copy.put(day, Arrays.copyOf(sums, LENGTH)));
        return withoutZeros(copy);
    }

    private static CalibrationEvidence withoutZeros(NavigableMap<Long, long[]> days) {
        boolean none = days.values().stream().allMatch(CalibrationEvidence::isZero);
        long first = days.isEmpty() ? 0 : days.firstKey();
        long last = none ? first : days.lastKey();
        long kept = last - first < DAYS ? first : last;
        days.entrySet().removeIf(each -> each.getKey() != first && each.getKey() != kept && isZero(each.getValue()));
        return new CalibrationEvidence(days);
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

    /** Both together: this one came first. */
    public CalibrationEvidence plus(CalibrationEvidence other) {
        if (other.days.isEmpty()) {
            return this;
        }
        long first = isEmpty() ? earlierFirst(other) : days.firstKey();
        if (other.isEmpty() && !days.isEmpty() && first == days.firstKey()) {
            return this;
        }
        return combined(other, 1, first);
    }

    /** This without the other. Its first day is the earlier one, so that no day of a difference is moved. */
    public CalibrationEvidence minus(CalibrationEvidence other) {
        return other.days.isEmpty() ? this : combined(other, -1, earlierFirst(other));
    }

    private long earlierFirst(CalibrationEvidence other) {
        long first = other.days.firstKey();
        return days.isEmpty() ? first : Math.min(first, days.firstKey());
    }

    private CalibrationEvidence combined(CalibrationEvidence other, int sign, long first) {
        NavigableMap<Long, long[]> combined = days();
        add(combined, first, new long[LENGTH], 1);
        other.days.forEach((day, sums) -> add(combined, Math.max(day, first), sums, sign));
        long oldest = combined.lastKey() - DAYS;
        if (first <= oldest) {
            SortedMap<Long, long[]> old = combined.subMap(first, false, oldest, true);
            new TreeMap<>(old).values().forEach(sums -> add(combined, first, sums, 1));
            old.clear();
        }
        return withoutZeros(combined);
    }

    private static void add(Map<Long, long[]> days, long day, long[] sums, int sign) {
        long[] to = days.computeIfAbsent(day, key -> new long[LENGTH]);
        for (int i = 0; i < LENGTH; i++) {
            to[i] += sign * sums[i];
        }
    }

    /** Whether no label is in it. */
    public boolean isEmpty() {
        return days.values().stream().allMatch(CalibrationEvidence::isZero);
    }

    /** The e-value: 1 without labels. */
    public double value() {
        if (isEmpty()) {
            return 1;
        }
        double sum = 0;
        for (double each : fromEachDay().values()) {
            sum += each;
        }
        return sum + 1.0 / (days.lastKey() - days.firstKey() + 2);
    }

    /** The start of the day from which on the labels speak most against the probabilities, ms; 0 without labels. */
    public long since() {
        long since = 0;
        double most = isEmpty() ? Double.POSITIVE_INFINITY : 0;
        for (Map.Entry<Long, Double> each : fromEachDay().entrySet()) {
            if (each.getValue() > most) {
                most = each.getValue();
                since = each.getKey() * DAY_MILLIS;
            }
        }
        return since;
    }

    /**
     * What the capital that begins with each day has become; that of days without labels begins with the next. That of
     * days which are put together with the first is given up: otherwise what it lost before would come back day by day.
     */
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
            long first = days.firstKey();
            double before = 1;
            if (day > first) {
                before = 1.0 / (Math.max(days.lowerKey(day), days.lastKey() - DAYS) - first + 2);
            }
            values.put(day, (before - 1.0 / (day - first + 2)) * mean);
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
