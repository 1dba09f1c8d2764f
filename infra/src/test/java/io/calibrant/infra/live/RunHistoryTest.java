package io.calibrant.infra.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class RunHistoryTest {
    private static final Instant BEGIN = Instant.ofEpochSecond(1_000_000);

    private final RunHistory history = new RunHistory();

    private void said(double second, Phase phase) {
        history.add(Progress.newBuilder()
                .setRunId("r")
                .setPhase(phase)
                .setTimestamp(at(second))
                .build());
    }

    private static Instant at(double second) {
        return BEGIN.plusMillis((long) (1000 * second));
    }

    @Test
    void shouldTellATrainerThatEndedFromOneThatPausesAsUsual() {
        for (int i = 0; i < 10; i++) {
            said(i, Phase.FINE_TUNING);
        }
        assertThat(history.isSilent(at(9 + 10))).isFalse();
        assertThat(history.isSilent(at(9 + 10.5))).isTrue();
        assertThat(history.age(at(20))).isEqualTo(Duration.ofSeconds(11));
        assertThat(history.age(at(8))).isZero();
    }

    @Test
    void shouldGiveASlowTrainerItsTime() {
        for (int i = 0; i < 10; i++) {
            said(100 * i, Phase.FINE_TUNING);
        }
        assertThat(history.isSilent(at(900 + 350))).isFalse();
        assertThat(history.isSilent(at(900 + 401))).isTrue();
    }

    @Test
    void shouldNotTakeAStopOfADayForTheUsualPause() {
        said(0, Phase.FINE_TUNING);
        said(1, Phase.FINE_TUNING);
        said(86_400, Phase.FINE_TUNING);
        said(86_401, Phase.FINE_TUNING);
        assertThat(history.isSilent(at(86_401 + 11))).isTrue();
    }

    @Test
    void shouldNotCallATrainerSilentThatIsDone() {
        said(0, Phase.DONE);
        assertThat(history.isSilent(at(1_000_000))).isFalse();
    }

    @Test
    void shouldSayAgesInFewWords() {
        assertThat(Age.of(Duration.ofSeconds(-3))).isEqualTo("0 s");
        assertThat(Age.of(Duration.ofSeconds(119))).isEqualTo("119 s");
        assertThat(Age.of(Duration.ofMinutes(2))).isEqualTo("2 min");
        assertThat(Age.of(Duration.ofHours(5))).isEqualTo("5 h");
        assertThat(Age.of(Duration.ofDays(4))).isEqualTo("4 days");
    }
}
