package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Reads a {@code config.json}, and refuses by name whatever the forward pass does not do. */
final class ConfigReader {

    private static final Map<String, String> ARCHITECTURES =
            Map.of("llama", "LlamaForCausalLM", "mistral", "MistralForCausalLM", "qwen2", "Qwen2ForCausalLM");

    private static final String ACCEPTED =
            "llama (LlamaForCausalLM), mistral (MistralForCausalLM), qwen2 (Qwen2ForCausalLM)";

    /** What transformers assumes where a Mistral configuration does not say. */
    private static final int MISTRAL_WINDOW = 4096;

    private final ConfigFile file;
    private final JsonNode root;

    private ConfigReader(ConfigFile file) {
        this.file = file;
        root = file.root();
    }

    static ModelConfig read(Path file) {
        return new ConfigReader(ConfigFile.read(file)).config();
    }

    private ModelConfig config() {
        String type = modelType();
        refuseUnknownKinds();
        int width = file.integer("hidden_size");
        int heads = file.integer("num_attention_heads");
        int maxPositions = integer("max_position_embeddings", 2048);
        refuseSlidingWindow(type, maxPositions);
        boolean attentionBias = root.path("attention_bias").asBoolean(false);
        int headWidth = integer("head_dim", heads > 0 ? width / heads : 0);
        if (!file.has("head_dim") && width % heads != 0) {
            throw file.refused("hidden_size", width + " is not a multiple of num_attention_heads " + heads);
        }
        try {
            return new ModelConfig(
                    type,
                    file.integer("vocab_size"),
                    width,
                    file.integer("num_hidden_layers"),
                    heads,
                    integer("num_key_value_heads", heads),
                    headWidth,
                    file.integer("intermediate_size"),
                    maxPositions,
                    root.path("rms_norm_eps").asDouble(1e-6),
                    ropeTheta(),
                    ropeScaling(),
                    type.equals("qwen2") || (type.equals("llama") && attentionBias),
                    type.equals("llama") && attentionBias,
                    type.equals("llama") && root.path("mlp_bias").asBoolean(false),
                    root.path("tie_word_embeddings").asBoolean(false));
        } catch (IllegalArgumentException e) {
            throw file.refused(e);
        }
    }

    private String modelType() {
        String type = root.path("model_type").asText("");
        String architecture = root.path("architectures").path(0).asText("");
        if (type.isEmpty() && !architecture.isEmpty()) {
            type = ARCHITECTURES.entrySet().stream()
                    .filter(e -> e.getValue().equals(architecture))
                    .map(Map.Entry::getKey)
                    .findFirst()
                    .orElseThrow(() -> file.refused("architectures", "'" + architecture + "'; accepted: " + ACCEPTED));
        }
        String expected = ARCHITECTURES.get(type);
        if (expected == null) {
            throw file.refused("model_type", "'" + type + "'; accepted: " + ACCEPTED);
        }
        if (!architecture.isEmpty() && !architecture.equals(expected)) {
            throw file.refused("architectures", "'" + architecture + "'; accepted: " + ACCEPTED);
        }
        return type;
    }

    private void refuseUnknownKinds() {
        String activation = root.path("hidden_act").asText("silu");
        if (!activation.equals("silu")) {
            throw file.refused("hidden_act", "'" + activation + "'; accepted: silu");
        }
        if (file.has("quantization_config")) {
            throw file.refused("quantization_config", "quantised weights; accepted: F32, F16 or BF16 weights");
        }
        if (root.path("partial_rotary_factor").asDouble(1) != 1) {
            throw file.refused("partial_rotary_factor", root.path("partial_rotary_factor") + "; accepted: 1");
        }
        for (JsonNode layer : root.path("layer_types")) {
            if (!layer.asText().equals("full_attention")) {
                throw file.refused("layer_types", layer + "; accepted: full_attention");
            }
        }
    }

    private void refuseSlidingWindow(String type, int maxPositions) {
        if (type.equals("qwen2") && !root.path("use_sliding_window").asBoolean(false)) {
            return;
        }
        JsonNode node = root.path("sliding_window");
        int window = node.isNull() ? 0 : node.asInt(type.equals("mistral") ? MISTRAL_WINDOW : 0);
        if (window > 0 && window < maxPositions) {
            throw file.refused(
                    "sliding_window",
                    window + (node.isMissingNode() ? " (the default of mistral)" : "")
                            + " is smaller than max_position_embeddings " + maxPositions
                            + "; accepted: null, or no smaller than that");
        }
    }

    private double ropeTheta() {
        JsonNode nested = root.path("rope_parameters").path("rope_theta");
        return nested.isNumber() ? nested.asDouble() : root.path("rope_theta").asDouble(10000);
    }

    private Optional<RopeScaling> ropeScaling() {
        String key = file.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
        JsonNode node = root.path(key);
        String type = node.path("rope_type").asText(node.path("type").asText("default"));
        if (type.equals("default")) {
            return Optional.empty();
        }
        if (!type.equals("llama3")) {
            throw file.refused(key, "'" + type + "'; accepted: none, default, llama3");
        }
        return Optional.of(new RopeScaling(
                number(node, key, "factor"),
                number(node, key, "low_freq_factor"),
                number(node, key, "high_freq_factor"),
                (int) number(node, key, "original_max_position_embeddings")));
    }

    private double number(JsonNode node, String key, String name) {
        if (!node.path(name).isNumber()) {
            throw file.refused(key, "llama3 without the number " + name);
        }
        return node.path(name).asDouble();
    }

    private int integer(String key, int otherwise) {
        return file.has(key) ? file.integer(key) : otherwise;
    }
}
