package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.model.Architecture.Norms.QueryKey;
import io.calibrant.trainer.safetensors.ModelFileException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelConfigTest {

    @TempDir
    Path directory;

    private ModelConfig read(TinyModel model) {
        return ModelConfig.read(model.writeConfig(directory));
    }

    private RotarySettings rotary(TinyModel model) {
        return read(model).attention().get(0).rotary().orElseThrow();
    }

    private void assertRefused(TinyModel model, String... parts) {
        assertThatThrownBy(() -> read(model))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContaining("config.json")
                .hasMessageContainingAll(parts);
    }

    @Test
    void shouldReadBothSpellingsOfTheRotaryBase() {
        assertThat(rotary(new TinyModel().set("rope_theta", 5e5)).theta()).isEqualTo(5e5);
        assertThat(rotary(new TinyModel().set("rope_theta", null).set("rope_parameters", Map.of("rope_theta", 1e6)))
                        .theta())
                .isEqualTo(1e6);
        assertThat(rotary(new TinyModel().set("rope_theta", null)).theta()).isEqualTo(10000);
        assertThat(rotary(new TinyModel().set("rope_theta", null).set("model_type", "smollm3"))
                        .theta())
                .isEqualTo(2e6);
    }

    @Test
    void shouldTakeTheHeadWidthFromTheModelWidthWhereItIsNotGiven() {
        assertThat(read(new TinyModel()).headWidth()).isEqualTo(6);
        assertThat(read(new TinyModel().set("hidden_size", 32).set("head_dim", null))
                        .headWidth())
                .isEqualTo(8);
    }

    @Test
    void shouldKnowWhereEachArchitectureHasBiases() {
        ModelConfig qwen = read(new TinyModel().set("model_type", "qwen2"));
        assertThat(qwen.architecture().biases().queryKeyValue()).isTrue();
        assertThat(qwen.architecture().biases().attentionOutput()).isFalse();
        ModelConfig llama = read(new TinyModel().set("attention_bias", true));
        assertThat(llama.architecture().biases().queryKeyValue()).isTrue();
        assertThat(llama.architecture().biases().attentionOutput()).isTrue();
        assertThat(llama.architecture().biases().feedForward()).isFalse();
    }

    @Test
    void shouldKnowWhereQwen3DiffersFromLlama() {
        ModelConfig llama = read(new TinyModel());
        ModelConfig qwen = read(new TinyModel().set("model_type", "qwen3"));
        assertThat(llama.architecture().norms().queryKey()).isEqualTo(QueryKey.NONE);
        assertThat(qwen.architecture().norms().queryKey()).isEqualTo(QueryKey.EACH_HEAD);
        assertThat(qwen.architecture().biases()).isEqualTo(Architecture.Biases.NONE);
        assertThat(qwen.linears()).isEqualTo(llama.linears());
        assertThat(read(new TinyModel().set("model_type", "qwen3").set("head_dim", null))
                        .headWidth())
                .isEqualTo(128);
        assertThat(windows(new TinyModel()
                        .set("model_type", "qwen3")
                        .set("sliding_window", 32)
                        .set("max_window_layers", 1)
                        .set("use_sliding_window", true)))
                .containsExactly(0, 32, 32);
    }

    @Test
    void shouldReadLlama3Scaling() {
        Map<String, Object> scaling = Map.of(
                "rope_type", "llama3",
                "factor", 32.0,
                "low_freq_factor", 1.0,
                "high_freq_factor", 4.0,
                "original_max_position_embeddings", 8192);
        RopeScaling expected = new RopeScaling.Llama3(32, 1, 4, 8192);
        assertThat(rotary(new TinyModel().set("rope_scaling", scaling)).scaling())
                .isEqualTo(expected);
        assertThat(rotary(new TinyModel().set("rope_parameters", scaling)).scaling())
                .isEqualTo(expected);
        assertRefused(
                new TinyModel().set("rope_scaling", Map.of("rope_type", "llama3", "factor", 8)), "low_freq_factor");
    }

    @Test
    void shouldStretchWhatIsLongThoughTheFactorsOfLlama3AreExchanged() {
        RopeScaling exchanged = new RopeScaling.Llama3(8, 4, 1, 64);
        double first = 1; // turns 10 times within 64 positions
        double second = Math.pow(10_000, -0.5); // turns once in 628
        assertThat(exchanged.inverseFrequencies(10_000, 4, 0)).containsExactly(first, second / 8);
        RopeScaling between = new RopeScaling.Llama3(8, 4, 1, 256);
        assertThat(between.inverseFrequencies(1_000, 4, 0))
                .as("198.7 positions are more than 256 / 4 and fewer than 256 / 1")
                .containsExactly(first, Math.pow(1_000, -0.5) / 8);
    }

    @Test
    void shouldRefuseOtherScalingsByName() {
        for (String type : List.of("mrope", "ntk")) {
            assertRefused(
                    new TinyModel().set("rope_scaling", Map.of("type", type, "factor", 2.0)),
                    "rope_scaling",
                    "'" + type + "'",
                    "llama3");
        }
        assertThat(rotary(new TinyModel().set("rope_scaling", Map.of("rope_type", "default")))
                        .scaling())
                .isEqualTo(RopeScaling.none());
    }

    @Test
    void shouldReadScalingsAndHowFarTheyReach() {
        assertThat(rotary(new TinyModel().set("rope_scaling", Map.of("rope_type", "linear", "factor", 1.0)))
                        .scaling())
                .isEqualTo(RopeScaling.none());
        TinyModel linear = new TinyModel().set("rope_scaling", Map.of("rope_type", "linear", "factor", 2.0));
        assertThat(rotary(linear).scaling()).isEqualTo(new RopeScaling.Linear(2));
        assertThat(read(linear).context())
                .isEqualTo(new ContextLimit(128, "max_position_embeddings, stretched by rope_scaling,"));
        assertRefused(
                new TinyModel().set("rope_scaling", Map.of("rope_type", "linear")), "rope_scaling.factor", "nothing");
        TinyModel dynamic = new TinyModel().set("rope_scaling", Map.of("type", "dynamic", "factor", 4.0));
        assertThat(rotary(dynamic).scaling()).isEqualTo(new RopeScaling.Dynamic(4, 64));
        assertThat(read(dynamic).maxPositions()).isEqualTo(256);
        assertThat(read(new TinyModel().set("hidden_act", "swish"))
                        .architecture()
                        .activation())
                .isEqualTo(Activation.SILU);
    }

    @Test
    void shouldReadYarnAndWhatItTakesForGranted() {
        TinyModel yarn = new TinyModel()
                .set(
                        "rope_parameters",
                        Map.of("rope_type", "yarn", "factor", 4.0, "original_max_position_embeddings", 32));
        assertThat(rotary(yarn).scaling()).isEqualTo(new RopeScaling.Yarn(4, 32, 32, 1, true, 0.1 * Math.log(4) + 1));
        assertThat(read(yarn).maxPositions()).isEqualTo(128);
        assertThat(rotary(new TinyModel()
                                .set(
                                        "rope_parameters",
                                        Map.of(
                                                "rope_type",
                                                "yarn",
                                                "factor",
                                                4.0,
                                                "mscale",
                                                2.0,
                                                "mscale_all_dim",
                                                1.0,
                                                "beta_fast",
                                                16,
                                                "beta_slow",
                                                2,
                                                "truncate",
                                                false)))
                        .scaling())
                .isEqualTo(
                        new RopeScaling.Yarn(4, 64, 16, 2, false, (0.2 * Math.log(4) + 1) / (0.1 * Math.log(4) + 1)));
        assertThat(rotary(new TinyModel()
                                .set("rope_scaling", Map.of("rope_type", "yarn", "factor", 4, "attention_factor", 1.5)))
                        .scaling()
                        .amplitude())
                .isEqualTo(1.5);
    }

    private RopeScaling gemma3(Map<String, Object> parameters) {
        return rotary(new TinyModel()
                        .set("model_type", "gemma3_text")
                        .set("sliding_window", 8)
                        .set("layer_types", List.of("full_attention", "full_attention", "full_attention"))
                        .set("rope_parameters", parameters))
                .scaling();
    }

    @Test
    void shouldTruncateYarnWhereTransformersDoes() {
        Map<String, Object> yarn = new HashMap<>(Map.of("rope_type", "yarn", "factor", 4.0));
        double amplitude = 0.1 * Math.log(4) + 1;
        RopeScaling truncated = new RopeScaling.Yarn(4, 64, 32, 1, true, amplitude);
        RopeScaling whole = new RopeScaling.Yarn(4, 64, 32, 1, false, amplitude);
        yarn.put("truncate", null);
        assertThat(rotary(new TinyModel().set("rope_parameters", yarn)).scaling())
                .as("null is false")
                .isEqualTo(whole);
        yarn.put("truncate", false);
        assertThat(gemma3(Map.of("full_attention", yarn)))
                .as("it looks beside the settings of layers, not into them")
                .isEqualTo(truncated);
        assertThat(gemma3(Map.of("full_attention", yarn, "truncate", false))).isEqualTo(whole);
    }

    @Test
    void shouldReadLongRopeInAllItsSpellings() {
        List<Double> shorter = List.of(1.0, 1.5, 2.0);
        List<Double> longer = List.of(2.0, 3.0, 4.0);
        RopeScaling expected = new RopeScaling.LongRope(shorter, longer, 16, Math.sqrt(1 + Math.log(4) / Math.log(16)));
        assertThat(rotary(new TinyModel()
                                .set("original_max_position_embeddings", 16)
                                .set(
                                        "rope_scaling",
                                        Map.of(
                                                "rope_type",
                                                "longrope",
                                                "short_factor",
                                                shorter,
                                                "long_factor",
                                                longer)))
                        .scaling())
                .as("how far it is stretched is what is longer than the original")
                .isEqualTo(expected);
        assertThat(rotary(new TinyModel()
                                .set("model_type", "phi3")
                                .set("original_max_position_embeddings", 16)
                                .set(
                                        "rope_scaling",
                                        Map.of("type", "su", "short_factor", shorter, "long_factor", longer)))
                        .scaling())
                .isEqualTo(expected);
        assertRefused(
                new TinyModel()
                        .set(
                                "rope_scaling",
                                Map.of("rope_type", "longrope", "short_factor", List.of(1), "long_factor", longer)),
                "rope_scaling.short_factor must be a list of 3 numbers with rope_type longrope, got 1 of them");
        for (String key : List.of("factor", "attention_factor")) {
            assertRefused(
                    new TinyModel()
                            .set(
                                    "rope_scaling",
                                    Map.of(
                                            "rope_type",
                                            "longrope",
                                            "short_factor",
                                            shorter,
                                            "long_factor",
                                            longer,
                                            key,
                                            0)),
                    "rope_scaling." + key + " must be above 0, got 0");
        }
    }

    @Test
    void shouldRefuseValuesThatAreNotOfTheTypeOfTheirKey() {
        assertRefused(
                new TinyModel().set("rope_theta", "fifty thousand"),
                "rope_theta must be a number, got \"fifty thousand\"");
        assertRefused(
                new TinyModel().set("rope_parameters", Map.of("rope_theta", "x")),
                "rope_parameters.rope_theta",
                "\"x\"");
        assertRefused(new TinyModel().set("rms_norm_eps", "x"), "rms_norm_eps must be a number, got \"x\"");
        assertRefused(new TinyModel().set("tie_word_embeddings", "no"), "tie_word_embeddings must be true or false");
        assertRefused(new TinyModel().set("attention_bias", 1), "attention_bias must be true or false, got 1");
        assertRefused(new TinyModel().set("partial_rotary_factor", "0.5"), "partial_rotary_factor must be a number");
        assertRefused(
                new TinyModel().set("rope_parameters", Map.of("partial_rotary_factor", 0.5)),
                "rope_parameters.partial_rotary_factor must be 1, got 0.5");
        assertRefused(
                new TinyModel().set("rope_parameters", Map.of("full_attention", Map.of("rope_theta", 1e6))),
                "rope_parameters must be the same for all layers");
        assertRefused(
                new TinyModel().set("model_type", "mistral").set("sliding_window", "wide"),
                "sliding_window must be an integer, got \"wide\"");
        assertRefused(new TinyModel().set("vocab_size", 1L << 40), "vocab_size must be an integer of 32 bits");
        assertRefused(new TinyModel().set("num_hidden_layers", 2_000_000_000), "num_hidden_layers must be at most");
        assertRefused(new TinyModel().set("num_attention_heads", 65536).set("head_dim", 65536), "times 65536");
    }

    private List<Integer> windows(TinyModel model) {
        return read(model).attention().stream().map(AttentionKind::window).toList();
    }

    @Test
    void shouldKnowWhichLayersHaveASlidingWindow() {
        assertThat(windows(new TinyModel().set("model_type", "mistral").set("sliding_window", 32)))
                .containsExactly(32, 32, 32);
        assertThat(read(new TinyModel().set("model_type", "mistral").set("sliding_window", 32))
                        .context())
                .isEqualTo(new ContextLimit(64, "max_position_embeddings"));
        assertThat(windows(new TinyModel().set("model_type", "mistral")))
                .as("what transformers assumes")
                .containsExactly(4096, 4096, 4096);
        assertThat(windows(new TinyModel()
                        .set("model_type", "qwen2")
                        .set("sliding_window", 32)
                        .set("use_sliding_window", true)
                        .set("layer_types", List.of("full_attention", "sliding_attention", "full_attention"))))
                .containsExactly(0, 32, 0);
        assertThat(windows(new TinyModel().set("model_type", "qwen2").set("sliding_window", 32)))
                .as("switched off")
                .containsExactly(0, 0, 0);
        assertThat(windows(new TinyModel().set("sliding_window", 32)))
                .as("transformers' Llama has no window")
                .containsExactly(0, 0, 0);
        assertThat(windows(new TinyModel().set("model_type", "gemma2").set("sliding_window", 8)))
                .containsExactly(8, 0, 8);
        assertThat(windows(new TinyModel()
                        .set("model_type", "gemma3_text")
                        .set("num_hidden_layers", 7)
                        .set("sliding_window", 8)))
                .containsExactly(8, 8, 8, 8, 8, 0, 8);
        assertThat(windows(new TinyModel()
                        .set("model_type", "gemma3_text")
                        .set("sliding_window", 8)
                        .set("sliding_window_pattern", 2)))
                .containsExactly(8, 0, 8);
        assertThat(windows(new TinyModel()
                        .set("model_type", "gemma3_text")
                        .set("sliding_window", 8)
                        .set("_sliding_window_pattern", 2)))
                .as("transformers writes this key, and does not read it")
                .containsExactly(8, 8, 8);
        assertThat(windows(new TinyModel()
                        .set("model_type", "smollm3")
                        .set("num_hidden_layers", 4)
                        .set("use_sliding_window", true)
                        .set("sliding_window", 8)))
                .containsExactly(0, 0, 0, 8);
    }

    @Test
    void shouldRefuseLayersThatTheArchitectureDoesNotHave() {
        assertRefused(
                new TinyModel()
                        .set("model_type", "qwen2")
                        .set("layer_types", List.of("full_attention", "sliding_attention", "full_attention")),
                "layer_types",
                "sliding_attention");
        assertRefused(
                new TinyModel().set("model_type", "qwen2").set("layer_types", List.of("full_attention")),
                "layer_types must be a list of num_hidden_layers 3 names");
        assertRefused(
                new TinyModel()
                        .set("model_type", "mistral")
                        .set("sliding_window", 8)
                        .set("layer_types", List.of("full_attention", "sliding_attention", "full_attention")),
                "layer_types must be sliding_attention in every layer with model_type mistral");
        assertRefused(
                new TinyModel().set("model_type", "smollm3").set("no_rope_layers", List.of(1, 0)),
                "no_rope_layers must be a list with 1 or 0 for each layer");
    }

    @Test
    void shouldKnowWherePositionsTurnNothing() {
        assertThat(read(new TinyModel().set("model_type", "smollm3").set("num_hidden_layers", 4)).attention().stream()
                        .map(kind -> kind.rotary().isPresent()))
                .containsExactly(true, true, true, false);
    }

    @Test
    void shouldReadBothSpellingsOfGemma3sFrequencies() {
        Map<String, Object> full = Map.of("rope_type", "linear", "rope_theta", 5e5, "factor", 8.0);
        ModelConfig newer = read(new TinyModel()
                .set("model_type", "gemma3_text")
                .set("rope_theta", null)
                .set("num_hidden_layers", 6)
                .set(
                        "rope_parameters",
                        Map.of(
                                "full_attention",
                                full,
                                "sliding_attention",
                                Map.of("rope_type", "default", "rope_theta", 100.0))));
        ModelConfig older = read(new TinyModel()
                .set("model_type", "gemma3_text")
                .set("rope_theta", 5e5)
                .set("rope_local_base_freq", 100.0)
                .set("num_hidden_layers", 6)
                .set("rope_scaling", Map.of("rope_type", "linear", "factor", 8.0)));
        assertThat(older.attention()).isEqualTo(newer.attention());
        assertThat(newer.attention().get(0).rotary()).contains(RotarySettings.plain(100));
        assertThat(newer.attention().get(5).rotary())
                .contains(new RotarySettings(5e5, 1, new RopeScaling.Linear(8), Optional.empty()));
    }

    @Test
    void shouldTurnAMinistralThatSaysNothingAsTransformersDoes() {
        TinyModel ministral = new TinyModel().set("model_type", "ministral3").set("rope_theta", null);
        RotarySettings expected = new RotarySettings(
                1e6, 1, new RopeScaling.Yarn(16, 16_384, 32, 1, true, 1), Optional.of(new PositionScale(0.1, 16_384)));
        assertThat(rotary(ministral)).isEqualTo(expected);
        assertThat(rotary(ministral.set("rope_theta", 5e5)))
                .as("which the assumed ones outrank")
                .isEqualTo(expected);
        assertThat(rotary(ministral.set("rope_parameters", Map.of("rope_theta", 1e4))))
                .isEqualTo(RotarySettings.plain(1e4));
    }

    @Test
    void shouldTakeTheLengthOfAMinistralsPretrainingFromItsSettingsUnlessTheirTypeScalesByIt() {
        TinyModel ministral =
                new TinyModel().set("model_type", "ministral3").set("original_max_position_embeddings", 8);
        Map<String, Object> plain =
                Map.of("rope_type", "default", "llama_4_scaling_beta", 0.5, "original_max_position_embeddings", 77);
        assertThat(rotary(ministral.set("rope_parameters", plain)).queries()).contains(new PositionScale(0.5, 77));
        Map<String, Object> yarn = new HashMap<>(plain);
        yarn.putAll(Map.of("rope_type", "yarn", "factor", 4.0));
        assertThat(rotary(ministral.set("rope_parameters", yarn)).queries()).contains(new PositionScale(0.5, 8));
        Map<String, Object> without = Map.of("rope_type", "default", "llama_4_scaling_beta", 0.5);
        assertThat(rotary(ministral.set("rope_parameters", without)).queries())
                .as("with which transformers fails")
                .contains(new PositionScale(0.5, 8));
    }

    @Test
    void shouldFillInWhatIsMissingOfGemma3sFrequencies() {
        TinyModel gemma = new TinyModel()
                .set("model_type", "gemma3_text")
                .set("rope_theta", null)
                .set("num_hidden_layers", 6);
        RotarySettings stretched = new RotarySettings(1e6, 1, new RopeScaling.Linear(8), Optional.empty());
        Map<String, Object> full = Map.of("rope_type", "linear", "factor", 8.0);
        Map<String, Object> plain = Map.of("rope_type", "default");

        assertThat(rotaries(gemma)).containsExactly(RotarySettings.plain(1e4), RotarySettings.plain(1e6));
        assertThat(rotaries(gemma.set("rope_parameters", Map.of("full_attention", full, "sliding_attention", plain))))
                .containsExactly(RotarySettings.plain(1e4), stretched);
        assertThat(rotaries(gemma.set("rope_parameters", Map.of("full_attention", full))))
                .containsExactly(RotarySettings.plain(1e4), stretched);
        assertThat(rotaries(gemma.set("rope_local_base_freq", 500.0).set("rope_theta", 5e5)))
                .containsExactly(
                        RotarySettings.plain(500),
                        new RotarySettings(5e5, 1, new RopeScaling.Linear(8), Optional.empty()));
        Map<String, Object> both =
                Map.of("full_attention", Map.of("rope_theta", 7e5), "sliding_attention", Map.of("rope_theta", 700.0));
        assertThat(rotaries(gemma.set("rope_parameters", both).set("rope_scaling", full)))
                .as("older settings are those of full layers, on the bases of the newer")
                .containsExactly(
                        RotarySettings.plain(700),
                        new RotarySettings(7e5, 1, new RopeScaling.Linear(8), Optional.empty()));
        assertRefused(
                gemma.set("rope_parameters", Map.of("full_attention", 3)),
                "rope_parameters.full_attention must be an object, got 3");
    }

    /** Of the first layer, which slides, and of the last one, which does not. */
    private List<RotarySettings> rotaries(TinyModel model) {
        List<AttentionKind> layers = read(model).attention();
        return List.of(
                layers.get(0).rotary().orElseThrow(), layers.get(5).rotary().orElseThrow());
    }

    @Test
    void shouldTakeTheLengthOfAPhi3sPretrainingAsTransformersDoes() {
        List<Double> factors = List.of(1.0, 1.5, 2.0);
        Map<String, Object> nested = Map.of(
                "rope_type",
                "longrope",
                "short_factor",
                factors,
                "long_factor",
                factors,
                "original_max_position_embeddings",
                16);
        TinyModel phi = new TinyModel().set("model_type", "phi3").set("rope_parameters", nested);
        assertThat(rotary(phi).scaling()).isEqualTo(new RopeScaling.LongRope(factors, factors, 4096, 1));
        RopeScaling own = new RopeScaling.LongRope(factors, factors, 16, Math.sqrt(1 + Math.log(4) / Math.log(16)));
        assertThat(rotary(phi.set("original_max_position_embeddings", 16)).scaling())
                .isEqualTo(own);
        assertThat(rotary(new TinyModel().set("rope_parameters", nested)).scaling())
                .isEqualTo(own);
    }

    @Test
    void shouldPassOverSettingsThatAreEmptyOrNull() throws IOException {
        assertThat(rotary(new TinyModel()
                                .set("rope_scaling", Map.of())
                                .set("rope_parameters", Map.of("rope_type", "linear", "factor", 2.0)))
                        .scaling())
                .isEqualTo(new RopeScaling.Linear(2));
        assertThat(rotary(new TinyModel()
                                .set("rope_scaling", Map.of("rope_type", "linear", "factor", 2.0))
                                .set("rope_parameters", Map.of("rope_theta", 5.0)))
                        .theta())
                .as("the older settings count alone, with the base beside them")
                .isEqualTo(10_000);
        Path file = new TinyModel().writeConfig(directory).resolve("config.json");
        Files.writeString(file, Files.readString(file).replaceFirst("[{]", "{\"partial_rotary_factor\": null,"));
        assertThat(ModelConfig.read(directory).attention().get(0).rotary()).contains(RotarySettings.plain(10_000));
    }

    /** Heads of keys and values, positions and pad of a file that has none of the three keys. */
    @ParameterizedTest
    @CsvSource({
        "llama, 4, 2048, ",
        "mistral, 8, 131072, ",
        "ministral3, 8, 262144, 11",
        "qwen2, 32, 32768, ",
        "qwen3, 32, 32768, ",
        "gemma, 16, 8192, 0",
        "gemma2, 4, 8192, 0",
        "gemma3_text, 4, 131072, 0",
        "phi3, 4, 4096, 32000",
        "smollm3, 4, 32768, 128004",
        "olmo2, 4, 2048, 1",
        "granite, 4, 2048, ",
        "seed_oss, 8, 524288, 1"
    })
    void shouldAssumeWhatTransformersAssumesOfEachFamily(String family, int heads, int positions, Integer pad)
            throws IOException {
        int queries = Math.max(4, heads);
        TinyModel model = new TinyModel()
                .set("model_type", family)
                .set("num_attention_heads", queries)
                .set("num_key_value_heads", null)
                .set("max_position_embeddings", null);

        ModelConfig read = read(model);

        assertThat(read.sizes().keyValueHeads()).isEqualTo(heads);
        assertThat(read.sizes().maxPositions()).isEqualTo(positions);
        assertThat(ModelConfig.pad(directory)).isEqualTo(pad == null ? OptionalInt.empty() : OptionalInt.of(pad));
        Path file = directory.resolve("config.json");
        Files.writeString(
                file,
                Files.readString(file).replaceFirst("[{]", "{\"num_key_value_heads\": null, \"pad_token_id\": null,"));
        assertThat(ModelConfig.read(directory).sizes().keyValueHeads()).isEqualTo(queries);
        assertThat(ModelConfig.pad(directory)).isEmpty();
    }

    @Test
    void shouldTakeANullForTheWidthOfAHeadAsTheOneThatFollows() throws IOException {
        TinyModel seed = new TinyModel()
                .set("model_type", "seed_oss")
                .set("hidden_size", 32)
                .set("head_dim", null);
        assertThat(read(seed).headWidth()).isEqualTo(128);
        Path file = directory.resolve("config.json");
        Files.writeString(file, Files.readString(file).replaceFirst("[{]", "{\"head_dim\": null,"));
        assertThat(ModelConfig.read(directory).headWidth()).isEqualTo(8);
    }

    @Test
    void shouldCapNoScoresOfAGemma3() {
        assertThat(read(new TinyModel().set("model_type", "gemma3_text").set("attn_logit_softcapping", 50.0))
                        .architecture()
                        .scales()
                        .scoreCap())
                .isEmpty();
    }

    @Test
    void shouldTakeTheActivationThatTransformersTakesOfAGemma() {
        TinyModel gemma = new TinyModel().set("model_type", "gemma").set("hidden_act", null);
        assertThat(activation(gemma)).isEqualTo(Activation.GELU_TANH);
        assertThat(activation(gemma.set("hidden_act", "gelu"))).isEqualTo(Activation.GELU_TANH);
        assertThat(activation(gemma.set("hidden_activation", "gelu"))).isEqualTo(Activation.GELU_TANH);
        assertThat(activation(gemma.set("hidden_act", "silu"))).isEqualTo(Activation.SILU);
        TinyModel second = new TinyModel().set("model_type", "gemma2").set("hidden_act", "silu");
        assertThat(activation(second)).isEqualTo(Activation.GELU_TANH);
        assertThat(activation(second.set("hidden_activation", "gelu"))).isEqualTo(Activation.GELU);
    }

    private Activation activation(TinyModel model) {
        return read(model).architecture().activation();
    }

    @Test
    void shouldKnowTheHeadsThatAreTiedByDefault() {
        for (String type : List.of("gemma", "gemma2", "gemma3_text", "smollm3")) {
            assertThat(read(new TinyModel().set("model_type", type).set("tie_word_embeddings", null))
                            .architecture()
                            .tiedHead())
                    .as(type)
                    .isTrue();
        }
        assertThat(read(new TinyModel().set("tie_word_embeddings", null))
                        .architecture()
                        .tiedHead())
                .isFalse();
    }

    @Test
    void shouldListFusedMapsAsTheyAre() {
        assertThat(read(new TinyModel().set("model_type", "phi3")).linears().subList(0, 4))
                .containsExactly(
                        new LinearShape("model.layers.0.self_attn.qkv_proj", 20, 24 + 12 + 12),
                        new LinearShape("model.layers.0.self_attn.o_proj", 24, 20),
                        new LinearShape("model.layers.0.mlp.gate_up_proj", 20, 56),
                        new LinearShape("model.layers.0.mlp.down_proj", 28, 20));
    }

    /** Each with the key that transformers writes for it, or none; in some it stands within another object. */
    @ParameterizedTest
    @CsvSource({
        "mixtral, num_local_experts",
        "qwen2_moe, num_experts",
        "qwen3_moe, num_experts",
        "qwen3_moe, ",
        "qwen3_next, num_experts",
        "deepseek_v2, n_routed_experts",
        "deepseek_v3, n_routed_experts",
        "gpt_oss, num_local_experts",
        "phimoe, num_local_experts",
        "phimoe, ",
        "olmoe, num_experts",
        "flex_olmo, num_experts",
        "granitemoe, num_local_experts",
        "granitemoehybrid, ",
        "llama4_text, num_local_experts",
        "llama4, text_config.num_local_experts",
        "dbrx, ffn_config.moe_num_experts",
        "ernie4_5_moe, moe_num_experts",
        "glm4_moe, n_routed_experts",
        "hunyuan_v1_moe, num_experts",
        "jamba, num_experts",
        "jetmoe, num_local_experts",
        "minimax_m2, num_local_experts",
        "lfm2_moe, num_experts"
    })
    void shouldRefuseMixturesOfExpertsByName(String family, String key) {
        TinyModel model = new TinyModel().set("model_type", family);
        if (key != null && key.contains(".")) {
            String[] path = key.split("\\.", 2);
            model.set(path[0], Map.of(path[1], 8));
        } else if (key != null) {
            model.set(key, 8);
        }
        assertRefused(
                model,
                "model_type must be one of llama",
                ", got '" + family + "', a mixture of experts, which is not supported");
    }

    /** transformers passes over the key in models of these families, or over tensors that the file then has. */
    @Test
    void shouldReadNoMixtureOfExpertsAsADenseModel() {
        for (Family family : Family.values()) {
            TinyModel model = new TinyModel().set("model_type", family.modelType());
            for (String key : List.of("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")) {
                assertRefused(
                        model.set(key, 4),
                        key + " must be absent or 1 with model_type " + family.modelType()
                                + ": a mixture of experts is not supported, got 4");
                assertThat(read(model.set(key, 1)).layers()).isEqualTo(3);
                assertThat(read(model.set(key, 0)).layers()).isEqualTo(3);
                model.set(key, null);
            }
        }
        assertRefused(
                new TinyModel()
                        .set("architectures", List.of("MixtralForCausalLM"))
                        .set("num_local_experts", 8),
                "architectures must be one of llama",
                "got 'MixtralForCausalLM', a mixture of experts");
    }

    @Test
    void shouldNameTheTextWithinAModelOfMore() {
        assertRefused(
                new TinyModel().set("model_type", "gemma3").set("text_config", Map.of("model_type", "gemma3_text")),
                "got 'gemma3'; its text_config is of 'gemma3_text', and models of text alone are read");
    }

    @Test
    void shouldSayWhereAFileThatIsMissingMayBe() throws IOException {
        Path elsewhere = Files.createDirectories(directory.resolve("cache/snapshots/0a"));
        Files.createFile(elsewhere.resolve("config.json"));
        assertMissing(directory.resolve("cache"), "give a directory within: snapshots/0a");
        Files.createFile(directory.resolve("cache/adapter_config.json"));
        assertMissing(directory.resolve("cache"), "but adapter_config.json is there: this is an adapter");
        assertMissing(Path.of("example-org/Tiny-Llama"), "looks like an id of the Hugging Face Hub", "hf download");
        assertMissing(directory.resolve("absent"), "there is no directory " + directory.resolve("absent"));
        assertMissing(elsewhere.resolve("config.json"), "is a file, a directory is expected");
        Files.writeString(directory.resolve("config.json"), "version https://git-lfs.github.com/spec/v1\n");
        assertMissing(directory, "not JSON", "a git-lfs pointer");
    }

    private static void assertMissing(Path directory, String... parts) {
        assertThatThrownBy(() -> ModelConfig.read(directory))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContaining("config.json")
                .hasMessageContainingAll(parts);
    }

    @Test
    void shouldRefuseAnUnknownModelAndListTheKnownOnes() throws IOException {
        Files.writeString(
                directory.resolve("config.json"), "{\"model_type\":\"gpt2\",\"architectures\":[\"GPT2LMHeadModel\"]}");
        assertThatThrownBy(() -> ModelConfig.read(directory))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll("model_type", "'gpt2'", "LlamaForCausalLM", "mistral", "qwen2", "qwen3");
        Files.writeString(
                directory.resolve("config.json"),
                "{\"model_type\":\"llama\",\"architectures\":[\"LlamaForTokenClassification\"]}");
        assertThatThrownBy(() -> ModelConfig.read(directory))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll("architectures", "LlamaForTokenClassification", "LlamaForCausalLM");
    }

    @Test
    void shouldRefuseWhatTheForwardPassDoesNotDo() {
        assertRefused(new TinyModel().set("hidden_act", "relu"), "hidden_act", "'relu'", "silu", "gelu_pytorch_tanh");
        assertRefused(new TinyModel().set("quantization_config", Map.of("bits", 4)), "quantization_config");
        assertRefused(
                new TinyModel().set("quantization_config", Map.of("quant_method", "gptq", "bits", 4)),
                "quantization_config must be absent (weights in F32, F16 or BF16), or that of bitsandbytes in 4 bits,"
                        + " got gptq");
        Map<String, Object> fp4 =
                Map.of("quant_method", "bitsandbytes", "load_in_4bit", true, "bnb_4bit_quant_type", "fp4");
        assertRefused(
                new TinyModel().set("quantization_config", fp4),
                "quantization_config.bnb_4bit_quant_type must be nf4, got \"fp4\"");
        Map<String, Object> bytes = Map.of("quant_method", "bitsandbytes", "load_in_8bit", true);
        assertRefused(
                new TinyModel().set("quantization_config", bytes),
                "quantization_config.load_in_4bit must be true, got nothing");
        assertRefused(new TinyModel().set("partial_rotary_factor", 0.5), "partial_rotary_factor", "0.5");
        assertRefused(new TinyModel().set("hidden_size", null), "hidden_size must be an integer, got nothing");
        assertRefused(new TinyModel().set("num_attention_heads", "four"), "num_attention_heads", "four", "integer");
        assertRefused(
                new TinyModel().set("num_key_value_heads", 3),
                "num_attention_heads must be a multiple of num_key_value_heads 3, got 4");
        assertRefused(
                new TinyModel().set("hidden_size", 22).set("head_dim", null),
                "hidden_size must be a multiple of num_attention_heads 4, got 22");
        assertRefused(new TinyModel().set("head_dim", 5), "head_dim must be even, got 5");
        assertRefused(new TinyModel().set("num_hidden_layers", 0), "num_hidden_layers must be 1 or more, got 0");
    }

    @Test
    void shouldRefuseAFileThatIsNotThereOrNotJson() throws IOException {
        assertThatThrownBy(() -> ModelConfig.read(directory))
                .isInstanceOf(ModelFileException.class)
                .hasMessage(directory.resolve("config.json") + ": no such file");
        for (String text : List.of("", "[]", "{\"model_type\":")) {
            Files.writeString(directory.resolve("config.json"), text);
            assertThatThrownBy(() -> ModelConfig.read(directory))
                    .isInstanceOf(ModelFileException.class)
                    .hasMessageContaining("not ")
                    .message()
                    .doesNotContain("\n");
        }
    }

    @Test
    void shouldListEveryLinearMapInTheOrderOfTheForwardPass() {
        List<LinearShape> linears = read(new TinyModel()).linears();
        assertThat(linears).hasSize(3 * 7 + 1);
        assertThat(linears.get(0)).isEqualTo(new LinearShape("model.layers.0.self_attn.q_proj", 20, 24));
        assertThat(linears.get(1)).isEqualTo(new LinearShape("model.layers.0.self_attn.k_proj", 20, 12));
        assertThat(linears.get(3)).isEqualTo(new LinearShape("model.layers.0.self_attn.o_proj", 24, 20));
        assertThat(linears.get(6)).isEqualTo(new LinearShape("model.layers.0.mlp.down_proj", 28, 20));
        assertThat(linears.get(21)).isEqualTo(new LinearShape("lm_head", 20, 37));
    }
}
