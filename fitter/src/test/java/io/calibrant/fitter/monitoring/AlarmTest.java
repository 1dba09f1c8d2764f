package io.calibrant.fitter.monitoring;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AlarmTest {
    private static final double EXPECTED = 1e6;

    @Test
    void shouldSaySinceWhenQuestionsAreUnfamiliarAndGoOffWhenTheyAreFamiliarAgain() {
        FamiliarityAlarm alarm = FamiliarityAlarm.START;
        for (int i = 0; i < 30; i++) {
            alarm = alarm.next(100 + i, 300, 600, EXPECTED);
        }
        assertThat(alarm.alarm()).isEqualTo(Alarm.NEVER);
        long raised = Alarm.OFF;
        for (int i = 0; i < 60; i++) {
            alarm = alarm.next(200 + i, 0, 600, EXPECTED);
            raised = raised == Alarm.OFF && alarm.alarm().isOn() ? 200 + i : raised;
        }
        assertThat(raised).isBetween(202L, 220L);
        assertThat(alarm.alarm().since()).isEqualTo(raised);
        assertThat(alarm.questions()).isEqualTo(90);
        assertThat(alarm.recent()).isEqualTo(90);
        assertThat(alarm.recentlyUnfamiliar()).isEqualTo(60);
        for (int i = 0; i < FamiliarityAlarm.RECENT; i++) {
            assertThat(alarm.alarm().isOn() || i > FamiliarityAlarm.RECENT - 60).isTrue();
            alarm = alarm.next(300 + i, 300, 600, EXPECTED);
        }
        assertThat(alarm.alarm().isOn()).isFalse();
        assertThat(alarm.recent()).isEqualTo(1000);
        assertThat(alarm.recentlyUnfamiliar()).isZero();
        assertThat(FamiliarityAlarm.of(alarm.sums(), alarm.questions(), alarm.recentBits(), alarm.alarm()))
                .isEqualTo(alarm)
                .hasSameHashCodeAs(alarm);
    }

    @Test
    void shouldForgetWhatIsNoLongerAmongTheNewest() {
        FamiliarityAlarm alarm = FamiliarityAlarm.START;
        for (int i = 0; i < FamiliarityAlarm.RECENT + 7; i++) {
            alarm = alarm.next(i, i < 10 ? 0 : 50, 100, EXPECTED);
        }
        assertThat(alarm.recentlyUnfamiliar()).isEqualTo(3);
    }
}
