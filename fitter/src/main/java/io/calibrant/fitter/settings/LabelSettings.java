package io.calibrant.fitter.settings;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.Topics;
import java.time.Duration;

/**
 * How answers and labels are joined and counted.
 *
 * @param window length of a window of topic calibration, 1 minute to 1 day
 * @param retention for how long an answer waits for its label and a label for its answer, 1 day or more; best that of
 *     the topics
 * @param driftExpectedRunLength questions expected until a false alarm that they are unfamiliar, 1,000 or more
 */
public record LabelSettings(Duration window, Duration retention, long driftExpectedRunLength) {
    /** One false alarm in so many questions. */
    public static final long DEFAULT_EXPECTED_RUN_LENGTH = 1_000_000;

    /**
     * Checks every value.
     *
     * @throws io.calibrant.schemas.ConfigurationException if a value is not accepted
     */
    public LabelSettings {
        Require.that(
                window.toMinutes() >= 1 && window.compareTo(Duration.ofDays(1)) <= 0,
                "--calibration-window",
                window.toMinutes(),
                "1 to 1440 (minutes)");
        Require.that(retention.toDays() >= 1, "--retention", retention.toDays(), "1 or more (days)");
        Require.that(
                driftExpectedRunLength >= 1000,
                "--drift-expected-run-length",
                driftExpectedRunLength,
                "1000 or more (questions)");
    }

    /** With one false alarm in {@value #DEFAULT_EXPECTED_RUN_LENGTH} questions. */
    public LabelSettings(Duration window, Duration retention) {
        this(window, retention, DEFAULT_EXPECTED_RUN_LENGTH);
    }

    /** Windows of an hour, and the retention of the topics. */
    public static LabelSettings defaults() {
        return new LabelSettings(Duration.ofHours(1), Topics.RETENTION);
    }
}
