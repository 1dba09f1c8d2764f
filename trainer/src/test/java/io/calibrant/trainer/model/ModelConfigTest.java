package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.safetensors.ModelFileException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelConfigTest {

    @TempDir
    Path directory;

    private ModelConfig read(TinyModel model) {
        return ModelConfig.read(model.writeConfig(directory));
    }

    private void assertRefused(TinyModel model, String... parts) {
        assertThatThrownBy(() -> read(model))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContaining("config.json")
                .hasMessageContainingAll(parts);
    }

    @Test
    void shouldReadBothSpellingsOfTheRotaryBase() {
        assertThat(read(new TinyModel().set("rope_theta", 5e5)).rotary().theta())
                .isEqualTo(5e5);
        assertThat(read(new TinyModel().set("rope_theta", null).set("rope_parameters", Map.of("rope_theta", 1e6)))
                        .rotary()
                        .theta())
                .isEqualTo(1e6);
        assertThat(read(new TinyModel().set("rope_theta", null)).rotary().theta())
                .isEqualTo(10000);
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
        assertThat(llama.architecture().headNorms()).isFalse();
        assertThat(qwen.architecture().headNorms()).isTrue();
        assertThat(qwen.architecture().biases()).isEqualTo(Architecture.Biases.NONE);
        assertThat(qwen.linears()).isEqualTo(llama.linears());
        assertThat(read(new TinyModel().set("model_type", "qwen3").set("head_dim", null))
                        .headWidth())
                .isEqualTo(128);
        assertThat(read(new TinyModel()
                                .set("model_type", "qwen3")
                                .set("sliding_window", 32)
                                .set("use_sliding_window", true))
                        .context())
                .isEqualTo(new ContextLimit(32, "sliding_window"));
    }

    @Test
    void shouldReadLlama3Scaling() {
        Map<String, Object> scaling = Map.of(
                "rope_type", "llama3",
                "factor", 32.0,
                "low_freq_factor", 1.0,
                "high_freq_factor", 4.0,
                "original_max_position_embeddings", 8192);
        RopeScaling expected = new RopeScaling(32, 1, 4, 8192);
        assertThat(read(new TinyModel().set("rope_scaling", scaling)).rotary().scaling())
                .contains(expected);
        assertThat(read(new TinyModel().set("rope_parameters", scaling))
                        .rotary()
                        .scaling())
                .contains(expected);
        assertRefused(
                new TinyModel().set("rope_scaling", Map.of("rope_type", "llama3", "factor", 8)), "low_freq_factor");
    }

    @Test
    void shouldRefuseOtherScalingsByName() {
        for (String type : List.of("yarn", "longrope")) {
            assertRefused(
                    new TinyModel().set("rope_scaling", Map.of("type", type, "factor", 2.0)),
                    "rope_scaling",
                    "'" + type + "'",
                    "llama3");
        }
        assertThat(read(new TinyModel().set("rope_scaling", Map.of("rope_type", "default")))
                        .rotary()
                        .scaling())
                .isEmpty();
    }

    @Test
    void shouldTakeScalingsThatChangeNothingForWhatTheyAre() {
        assertThat(read(new TinyModel().set("rope_scaling", Map.of("rope_type", "linear", "factor", 1.0)))
                        .rotary()
                        .scaling())
                .isEmpty();
        assertRefused(
                new TinyModel().set("rope_scaling", Map.of("rope_type", "linear", "factor", 2.0)),
                "rope_scaling.factor must be 1 with rope_type linear, got 2.0");
        assertRefused(
                new TinyModel().set("rope_scaling", Map.of("rope_type", "linear")), "rope_scaling.factor", "nothing");
        assertThat(read(new TinyModel().set("rope_scaling", Map.of("type", "dynamic", "factor", 4.0)))
                        .context())
                .isEqualTo(new ContextLimit(64, "max_position_embeddings"));
        assertThat(read(new TinyModel()
                                .set(
                                        "rope_parameters",
                                        Map.of("rope_type", "dynamic", "original_max_position_embeddings", 16)))
                        .context())
                .isEqualTo(new ContextLimit(16, "rope_parameters.original_max_position_embeddings"));
        assertThat(read(new TinyModel().set("hidden_act", "swish")).width()).isEqualTo(20);
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

    @Test
    void shouldReadSequencesUpToASlidingWindow() {
        assertThat(read(new TinyModel().set("model_type", "mistral").set("sliding_window", 32))
                        .maxPositions())
                .isEqualTo(32);
        assertThat(read(new TinyModel().set("model_type", "mistral").set("max_position_embeddings", 32768))
                        .context())
                .isEqualTo(new ContextLimit(4096, "sliding_window, by default of mistral,"));
        assertThat(read(new TinyModel()
                                .set("model_type", "qwen2")
                                .set("sliding_window", 32)
                                .set("use_sliding_window", true)
                                .set("layer_types", List.of("full_attention", "sliding_attention")))
                        .maxPositions())
                .isEqualTo(32);
        assertRefused(
                new TinyModel()
                        .set("model_type", "qwen2")
                        .set("layer_types", List.of("full_attention", "sliding_attention")),
                "layer_types",
                "sliding_attention");
        assertThat(read(new TinyModel().set("model_type", "mistral").set("sliding_window", 64))
                        .context())
                .isEqualTo(new ContextLimit(64, "max_position_embeddings"));
        assertThat(read(new TinyModel().set("model_type", "qwen2").set("sliding_window", 32))
                        .maxPositions())
                .as("switched off")
                .isEqualTo(64);
        assertThat(read(new TinyModel().set("sliding_window", 32)).maxPositions())
                .as("transformers' Llama has no window")
                .isEqualTo(64);
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
        assertRefused(new TinyModel().set("hidden_act", "gelu"), "hidden_act", "'gelu'", "silu");
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
