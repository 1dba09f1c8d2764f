package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.serving.ServingSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScorerSettingsTest {
    private static final Path MODEL = Path.of("model");

    @Test
    void shouldNameFlagValueAndWhatIsAccepted() {
        assertThatThrownBy(() -> ScorerSettings.of("a/b", MODEL))
                .hasMessageContaining("--run must be 1 to 100 letters, digits, '.', '_' and '-', got 'a/b'");
        assertThatThrownBy(() -> settings(List.of(), "f", 4096, 8, 5, 1))
                .hasMessageContaining("--run must be one run or several different ones, R1,R2, got ''");
        assertThatThrownBy(() -> settings(List.of("r", "r"), "f", 4096, 8, 5, 1))
                .hasMessageContaining("--run must be one run or several different ones, R1,R2, got 'r,r'");
        assertThatThrownBy(() -> settings(List.of("r"), "", 4096, 8, 5, 1))
                .hasMessageContaining("--fit must be 1 to 100 letters");
        assertThatThrownBy(() -> settings(List.of("r"), "f", 0, 8, 5, 1))
                .hasMessageContaining("--points must be 1 to 1048576, got 0");
        assertThatThrownBy(() -> settings(List.of("r"), "f", 4096, 0, 5, 1))
                .hasMessageContaining("--batch-size must be 1 to 1024, got 0");
        assertThatThrownBy(() -> settings(List.of("r"), "f", 4096, 8, -1, 1))
                .hasMessageContaining("--linger-ms must be 0 to 10000, got -1");
        assertThatThrownBy(() -> settings(List.of("r"), "f", 4096, 8, 5, 0))
                .hasMessageContaining("--threads must be 1 to 64, got 0");
    }

    @Test
    void shouldGiveScorersOfTheSameRunsAndFitOneGroup() {
        assertThat(ScorerSettings.of("r", MODEL).group()).isEqualTo("calibrant-scorer-r");
        assertThat(settings(List.of("r", "q"), "default", 64, 8, 5, 1).group())
                .isEqualTo("calibrant-scorer-r,q")
                .isNotEqualTo(
                        settings(List.of("q", "r"), "default", 64, 8, 5, 1).group());
        assertThat(settings(List.of("r"), ServingSettings.LATEST_COMPLETE, 64, 8, 5, 1)
                        .group())
                .isEqualTo("calibrant-scorer-r-latest-complete");
    }

    private static ScorerSettings settings(
            List<String> runs, String fit, int points, int batchSize, int linger, int threads) {
        return new ScorerSettings(
                ServingSettings.of("r", MODEL).withRuns(runs).withFit(fit),
                AnsweringSettings.DEFAULTS.withPoints(points),
                new PollSettings(batchSize, Duration.ofMillis(linger), threads));
    }
}
