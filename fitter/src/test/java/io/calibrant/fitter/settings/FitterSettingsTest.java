package io.calibrant.fitter.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.PriorObjective;
import java.nio.file.Path;
import java.time.Duration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class FitterSettingsTest {
    @Test
    void shouldRefuseWhatIsNotAcceptedInOneForm() {
        StreamsSettings streaming = StreamsSettings.defaults();
        shouldRefuse(() -> streaming.withThreads(0), "--threads must be 1 to 64, got 0");
        shouldRefuse(() -> streaming.withThreads(65), "--threads must be 1 to 64, got 65");
        shouldRefuse(() -> streaming.withCacheBytes(-1), "--cache-bytes must be 0 (no cache) or more, got -1");
        shouldRefuse(
                () -> streaming.withCommitInterval(Duration.ofMillis(9)),
                "--commit-interval must be 10 to 5000 (milliseconds), got 9");
        Duration hour = Duration.ofHours(1);
        Duration day = Duration.ofDays(1);
        shouldRefuse(
                () -> new LabelSettings(day.plusMinutes(1), day),
                "--calibration-window must be 1 to 1440 (minutes), got 1441");
        shouldRefuse(
                () -> new LabelSettings(Duration.ofSeconds(59), day),
                "--calibration-window must be 1 to 1440 (minutes), got 0");
        shouldRefuse(() -> new LabelSettings(hour, hour), "--retention must be 1 or more (days), got 0");
        shouldRefuse(
                () -> new LabelSettings(hour, day, 999),
                "--drift-expected-run-length must be 1000 or more (questions), got 999");
    }

    private static void shouldRefuse(ThrowingCallable made, String message) {
        assertThatThrownBy(made).isInstanceOf(ConfigurationException.class).hasMessage(message);
    }

    @Test
    void shouldChangeOneSettingAndKeepTheOthers() {
        FitterSettings defaults = FitterSettings.defaults();
        assertThat(defaults.named("a").named("default")).isEqualTo(defaults);
        assertThat(defaults.with(Compression.FREQUENT_DIRECTIONS))
                .returns(Compression.FREQUENT_DIRECTIONS, FitterSettings::compression)
                .returns(defaults, changed -> changed.with(Compression.TRUNCATE));
        assertThat(defaults.with(PriorObjective.VALIDATION))
                .returns(PriorObjective.VALIDATION, changed -> changed.prior().objective())
                .returns(defaults, changed -> changed.with(PriorObjective.EVIDENCE));

        PriorSettings prior = PriorSettings.defaults();
        assertThat(prior.withStructure(PriorStructure.LAYERWISE)
                        .withMean(PriorMean.INITIAL)
                        .withObjective(PriorObjective.VALIDATION)
                        .withResidual(false))
                .isEqualTo(new PriorSettings(
                        PriorStructure.LAYERWISE, PriorMean.INITIAL, PriorObjective.VALIDATION, false));

        Path other = Path.of("other");
        assertThat(StreamsSettings.defaults()
                        .withStateDir(other)
                        .withThreads(3)
                        .withCacheBytes(4)
                        .withCommitInterval(Duration.ofMillis(50))
                        .withCreateTopics(true))
                .isEqualTo(new StreamsSettings(other, 3, 4, Duration.ofMillis(50), true));
        assertThat(defaults.withStateDir(other).streaming().stateDir()).isEqualTo(other);
    }
}
