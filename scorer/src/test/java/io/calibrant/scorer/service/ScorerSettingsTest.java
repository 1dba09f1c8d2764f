package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.trainer.llama.ComputeDevice;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ScorerSettingsTest {
    private static final Path MODEL = Path.of("model");

    @Test
    void shouldNameFlagValueAndWhatIsAccepted() {
        assertThatThrownBy(() -> ScorerSettings.of("a/b", MODEL)).hasMessageContaining("--run: 'a/b'");
        assertThatThrownBy(() -> settings("", 4096, 8, "all")).hasMessageContaining("--fit: ''");
        assertThatThrownBy(() -> settings("f", 0, 8, "all")).hasMessageContaining("--points: 0");
        assertThatThrownBy(() -> settings("f", 4096, 0, "all")).hasMessageContaining("--batch-size: 0");
        assertThatThrownBy(() -> settings("f", 4096, 8, "last-layer"))
                .hasMessageContaining("--tier: 'last-layer' is not accepted: all is");
    }

    @Test
    void shouldGiveScorersOfOneRunOneGroup() {
        assertThat(ScorerSettings.of("r", MODEL).group()).isEqualTo("calibrant-scorer-r");
    }

    private static ScorerSettings settings(String fit, int points, int batchSize, String tier) {
        return new ScorerSettings("r", MODEL, fit, LinkFunction.MC, points, batchSize, tier, ComputeDevice.CPU);
    }
}
