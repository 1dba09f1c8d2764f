package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraPatterns;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordsTest {
    @TempDir
    Path directory;

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

    @Test
    void shouldPublishTheScalingOfMapsThatHaveTheirOwn() throws IOException {
        ModelConfig config = ModelConfig.read(new TinyModel().writeConfig(directory));
        LoraPatterns patterns =
                new LoraPatterns(Map.of("v_proj", 2), Map.of("layers.1.self_attn.q_proj", 4.0, "v_proj", 8.0));
        LoraSettings settings = new LoraSettings(4, 16, 0, false, LoraTargets.of("q_proj", "v_proj"), patterns);
        Adapter adapter = Adapter.initialise(config, settings, new int[] {1, 2}, 1);

        assertThat(Records.scalings(adapter))
                .as("v_proj has another rank, and the same scaling")
                .isEqualTo(Map.of(
                        "model.layers.1.self_attn.q_proj",
                        1.0,
                        "model.layers.0.self_attn.v_proj",
                        4.0,
                        "model.layers.1.self_attn.v_proj",
                        4.0,
                        "model.layers.2.self_attn.v_proj",
                        4.0));
    }
}
