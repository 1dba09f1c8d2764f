package io.calibrant.fitter.labels;

import java.time.Duration;
import java.time.Instant;

/**
 * A window of topic calibration, or the total.
 *
 * @param start null for the total
 * @param length null for the total
 */
public record CalibrationWindow(Instant start, Duration length) {
    public static final String TOTAL = "total";

    private static final Duration USUAL = Duration.ofHours(1);

    /** The window of a length that a time falls into, both in milliseconds. */
    static CalibrationWindow of(long time, long length) {
        return new CalibrationWindow(
                Instant.ofEpochMilli(Math.floorDiv(time, length) * length), Duration.ofMillis(length));
    }

    /** The window of a name. */
    static CalibrationWindow named(String name) {
        if (name.equals(TOTAL)) {
            return new CalibrationWindow(null, null);
        }
        int plus = name.indexOf("+P"); // a year beyond 9999 starts with '+', too
        return plus < 0
                ? new CalibrationWindow(Instant.parse(name), USUAL)
                : new CalibrationWindow(
                        Instant.parse(name.substring(0, plus)), Duration.parse(name.substring(plus + 1)));
    }

    /**
     * The total, or the start; with the length where that is not an hour, so that another setting starts other windows.
     */
    String name() {
        return start == null ? TOTAL : length.equals(USUAL) ? start.toString() : start + "+" + length;
    }

    /** Exclusive; null for the total. */
    Instant end() {
        return start == null ? null : start.plus(length);
    }
}
