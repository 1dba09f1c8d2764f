package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import org.junit.jupiter.api.Test;

class RecordsTest {
    @Test
    void shouldPublishTheAlphaWhoseShareOfTheRankIsTheScaling() {
        // A reader of the run knows alpha and rank only; it must come to the adapter's own scaling, rsLoRA's too.
        for (boolean rootScaling : new boolean[] {false, true}) {
            LoraSettings settings = new LoraSettings(3, 16, 0, rootScaling, LoraTargets.of("q_proj"));
            assertThat(Records.alpha(settings) / settings.rank()).isEqualTo(settings.scaling(), within(1e-14));
        }
        assertThat(Records.alpha(new LoraSettings(3, 16, 0, false, LoraTargets.of("q_proj"))))
                .isEqualTo(16);
    }
}
