package io.calibrant.trainer.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TinyModel;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdapterTest {

    @TempDir
    Path directory;

    private ModelConfig config;

    @BeforeEach
    void read() {
        config = ModelConfig.read(new TinyModel().writeConfig(directory));
    }

    private static LoraSettings settings(String targets) {
        return new LoraSettings(4, 8, 0, false, LoraTargets.parse(targets));
    }

    @Test
    void shouldStartAsPeftDoes() {
        Adapter adapter = Adapter.initialise(config, settings("q_proj,down_proj,lm_head"), new int[] {7, 3}, 5);
        assertThat(adapter.matrices()).hasSize(7);
        double sumOfSquares = 0;
        int count = 0;
        for (LoraMatrices m : adapter.matrices().values()) {
            assertThat(m.b()).hasSize(m.linear().outputs() * 4).containsOnly(0);
            double bound = 1 / Math.sqrt(m.linear().inputs());
            for (float a : m.a()) {
                assertThat(Math.abs(a)).isLessThanOrEqualTo((float) bound);
                sumOfSquares += a * a / (bound * bound);
                count++;
            }
        }
        assertThat(count).isGreaterThan(500);
        assertThat(sumOfSquares / count).as("mean square of a uniform").isCloseTo(1 / 3.0, within(0.03));
        assertThat(adapter.matrices().get("lm_head").linear()).isEqualTo(new LinearShape("lm_head", 20, 2));
    }

    @Test
    void shouldRefuseARankWhoseMatricesNoArrayHolds() {
        LoraSettings wide = new LoraSettings(2_000_000_000, 8, 0, false, LoraTargets.parse("q_proj"));
        assertThatThrownBy(() -> Adapter.initialise(config, wide, new int[] {1}, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("LoRA rank must be at most 89478484 for model.layers.0.self_attn.q_proj");
    }

    @Test
    void shouldRepeatItselfForASeed() {
        float[] first = firstA(9);
        assertThat(firstA(9)).containsExactly(first);
        assertThat(firstA(10)).isNotEqualTo(first);
    }

    private float[] firstA(long seed) {
        Adapter adapter = Adapter.initialise(config, settings("v_proj"), new int[] {1}, seed);
        return adapter.matrices().get("model.layers.0.self_attn.v_proj").a();
    }

    @Test
    void shouldMatchTargetsAsPeftDoes() {
        assertThat(paths("v_proj,q_proj"))
                .hasSize(6)
                .startsWith("model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj");
        assertThat(paths("layers.1.mlp.up_proj")).containsExactly("model.layers.1.mlp.up_proj");
        assertThat(paths("model.layers.1.mlp.up_proj, lm_head"))
                .containsExactly("model.layers.1.mlp.up_proj", "lm_head");
        assertThat(paths("all-linear")).hasSize(21).doesNotContain("lm_head");
        assertThat(pathsOf(new LoraTargets(List.of(), ".*[02]\\.self_attn\\.(q|k)_proj")))
                .containsExactly(
                        "model.layers.0.self_attn.q_proj",
                        "model.layers.0.self_attn.k_proj",
                        "model.layers.2.self_attn.q_proj",
                        "model.layers.2.self_attn.k_proj");
    }

    private List<String> paths(String targets) {
        return pathsOf(LoraTargets.parse(targets));
    }

    private List<String> pathsOf(LoraTargets targets) {
        return targets.select(config).stream().map(LinearShape::path).toList();
    }

    @Test
    void shouldNameTheTargetThatIsUnknownAndTheAcceptedOnes() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> paths("q_proj,c_attn"))
                .withMessageContainingAll("'c_attn'", "q_proj", "k_proj", "gate_proj", "lm_head");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> paths("proj"))
                .withMessageContaining("'proj'"); // a suffix of the text, not of the path
        assertThatIllegalArgumentException().isThrownBy(() -> paths("embed_tokens"));
        assertThatIllegalArgumentException().isThrownBy(() -> paths("q_proj,"));
        assertThatIllegalArgumentException().isThrownBy(() -> pathsOf(new LoraTargets(List.of(), "q_proj")));
        assertThatIllegalArgumentException().isThrownBy(() -> pathsOf(new LoraTargets(List.of(), "(")));
    }

    @Test
    void shouldRefuseImpossibleSettings() {
        LoraTargets targets = LoraTargets.of("q_proj");
        assertThatIllegalArgumentException().isThrownBy(() -> new LoraSettings(0, 1, 0, false, targets));
        assertThatIllegalArgumentException().isThrownBy(() -> new LoraSettings(1, 0, 0, false, targets));
        assertThatIllegalArgumentException().isThrownBy(() -> new LoraSettings(1, Double.NaN, 0, false, targets));
        assertThatIllegalArgumentException().isThrownBy(() -> new LoraSettings(1, 1, 1, false, targets));
        assertThatIllegalArgumentException().isThrownBy(() -> new LoraSettings(1, 1, -0.1, false, targets));
    }

    @Test
    void shouldScaleAsPeftDoes() {
        LoraTargets targets = LoraTargets.of("q_proj");
        assertThat(new LoraSettings(16, 8, 0, false, targets).scaling()).isEqualTo(0.5);
        assertThat(new LoraSettings(16, 8, 0, true, targets).scaling()).isEqualTo(2);
    }

    @Test
    void shouldRefuseClassTokensThatDoNotFit() {
        for (int[] tokens : new int[][] {{}, {1, 1}, {37}, {-1}}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Adapter.initialise(config, settings("q_proj"), tokens, 0))
                    .withMessageContaining("class token");
        }
    }

    @Test
    void shouldRefuseWeightsThatDoNotFit() {
        LinearShape v = new LinearShape("model.layers.0.self_attn.v_proj", 20, 12);
        LinearShape wrong = new LinearShape("model.layers.0.self_attn.v_proj", 20, 10);
        LoraSettings settings = settings("layers.0.self_attn.v_proj");
        int[] tokens = {1};
        LoraMatrices good = new LoraMatrices(v, 4, new float[80], new float[48]);
        assertThat(Adapter.of(config, settings, tokens, List.of(good)).matrices())
                .containsOnlyKeys("model.layers.0.self_attn.v_proj");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Adapter.of(config, settings, tokens, List.of()))
                .withMessageContaining("without model.layers.0.self_attn.v_proj");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Adapter.of(
                        config, settings, tokens, List.of(new LoraMatrices(wrong, 4, new float[80], new float[40]))))
                .withMessageContainingAll("expected 20 inputs, 12 outputs, rank 4", "found 20, 10, 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LoraMatrices(v, 4, new float[79], new float[48]))
                .withMessageContainingAll("lora_A", "expected 4x20", "found 79");
        LinearShape other = new LinearShape("lm_head", 20, 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Adapter.of(
                        config,
                        settings,
                        tokens,
                        List.of(good, new LoraMatrices(other, 4, new float[80], new float[4]))))
                .withMessageContaining("with lm_head");
    }
}
