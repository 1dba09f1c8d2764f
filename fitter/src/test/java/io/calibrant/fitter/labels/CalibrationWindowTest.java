package io.calibrant.fitter.labels;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class CalibrationWindowTest {
    @Test
    void shouldComeBackFromItsName() {
        for (String time : new String[] {
            "2026-11-25T10:59:59.999Z", "1970-01-01T00:00:00Z", "1969-12-31T23:00:00Z", "+12345-01-01T00:30:00Z"
        }) {
            for (Duration length : new Duration[] {Duration.ofHours(1), Duration.ofMinutes(7), Duration.ofDays(1)}) {
                Instant instant = Instant.parse(time);
                CalibrationWindow window = CalibrationWindow.of(instant.toEpochMilli(), length.toMillis());
                assertThat(window.start()).isBeforeOrEqualTo(instant);
                assertThat(window.end())
                        .isAfter(instant)
                        .isEqualTo(window.start().plus(length));
                assertThat(CalibrationWindow.named(window.name())).isEqualTo(window);
                assertThat(window.name()).doesNotContain("/");
            }
        }
        assertThat(CalibrationWindow.named(CalibrationWindow.TOTAL).name()).isEqualTo(CalibrationWindow.TOTAL);
        assertThat(CalibrationWindow.named(CalibrationWindow.TOTAL).end()).isNull();
    }
}
