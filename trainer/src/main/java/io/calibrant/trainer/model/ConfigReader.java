package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Optional;

/** Reads a {@code config.json}, and refuses by name whatever the forward pass does not do. */
final class ConfigReader {

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
        Family family = Family.of(file);
        refuseUnknownKinds();
        try {
            ModelSizes sizes = sizes(family);
            refuseSlidingWindow(family, sizes.maxPositions());
            return new ModelConfig(
                    family.architecture(file),
                    sizes,
                    new RotarySettings(ropeTheta(), ropeScaling()),
                    root.path("rms_norm_eps").asDouble(1e-6));
        } catch (IllegalArgumentException e) {
            throw file.refused(e);
        }
    }

    private ModelSizes sizes(Family family) {
        int width = file.integer("hidden_size");
        int heads = file.integer("num_attention_heads");
        int headWidth = file.has("head_dim") ? file.integer("head_dim") : family.headWidth(file, width, heads);
        return new ModelSizes(
                file.integer("vocab_size"),
                width,
                file.integer("num_hidden_layers"),
                heads,
                integer("num_key_value_heads", heads),
                headWidth,
                file.integer("intermediate_size"),
                integer("max_position_embeddings", 2048));
    }

    private void refuseUnknownKinds() {
        String activation = root.path("hidden_act").asText("silu");
        if (!activation.equals("silu")) {
            throw file.refused("hidden_act", "silu", ConfigFile.quoted(activation));
        }
        if (file.has("quantization_config")) {
            throw file.refused(
                    "quantization_config",
                    "absent (weights must be F32, F16 or BF16, not quantised)",
                    root.path("quantization_config").path("quant_method").asText("a configuration"));
        }
        if (root.path("partial_rotary_factor").asDouble(1) != 1) {
            throw file.refused("partial_rotary_factor", "1", root.path("partial_rotary_factor"));
        }
        for (JsonNode layer : root.path("layer_types")) {
            if (!layer.asText().equals("full_attention")) {
                throw file.refused("layer_types", "full_attention in every layer", layer);
            }
        }
    }

    private void refuseSlidingWindow(Family family, int maxPositions) {
        int window = family.window(file);
        if (window > 0 && window < maxPositions) {
            throw file.refused(
                    Family.WINDOW,
                    "null, or max_position_embeddings " + maxPositions + " or more",
                    window
                            + (root.path(Family.WINDOW).isMissingNode()
                                    ? " (the default of " + family.modelType() + ")"
                                    : ""));
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
            throw file.refused(key + ".rope_type", "one of default, llama3", ConfigFile.quoted(type));
        }
        return Optional.of(new RopeScaling(
                number(node, key, "factor"),
                number(node, key, "low_freq_factor"),
                number(node, key, "high_freq_factor"),
                (int) number(node, key, "original_max_position_embeddings")));
    }

    private double number(JsonNode node, String key, String name) {
        if (!node.path(name).isNumber()) {
            throw file.refused(key + "." + name, "a number with rope_type llama3", node.path(name));
        }
        return node.path(name).asDouble();
    }

    private int integer(String key, int otherwise) {
        return file.has(key) ? file.integer(key) : otherwise;
    }
}
