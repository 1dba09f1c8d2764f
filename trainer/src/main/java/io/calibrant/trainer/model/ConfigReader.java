package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Reads a {@code config.json}, and refuses by name whatever the forward pass does not do. */
final class ConfigReader {

    /** Both names of x sigmoid(x). */
    private static final List<String> SILU = List.of("silu", "swish");

    private static final String PARTIAL = "partial_rotary_factor";
    private static final String ORIGINAL = "original_max_position_embeddings";
    private static final String DYNAMIC = "dynamic";

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
            return new ModelConfig(
                    family.architecture(file),
                    sizes,
                    new RotarySettings(ropeTheta(), ropeScaling()),
                    file.number("rms_norm_eps", 1e-6),
                    context(family, sizes));
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
        if (!SILU.contains(activation)) {
            throw file.refused("hidden_act", "one of " + String.join(", ", SILU), ConfigFile.quoted(activation));
        }
        StoredQuantization.read(file);
        if (file.number(PARTIAL, 1) != 1) {
            throw file.refused(PARTIAL, "1", root.path(PARTIAL));
        }
    }

    /** Up to where the forward pass is that of the model. */
    private ContextLimit context(Family family, ModelSizes sizes) {
        ContextLimit limit = ContextLimit.ofPositions(sizes.maxPositions());
        int window = family.window(file);
        for (JsonNode layer : root.path("layer_types")) {
            boolean slides = layer.asText().equals("sliding_attention") && window > 0;
            if (!slides && !layer.asText().equals("full_attention")) {
                throw file.refused(
                        "layer_types",
                        "full_attention in every layer, or sliding_attention with a sliding_window",
                        layer);
            }
        }
        if (window > 0) {
            limit = limit.orShorter(
                    window,
                    Family.WINDOW + (file.has(Family.WINDOW) ? "" : ", by default of " + family.modelType() + ","));
        }
        JsonNode original = rope().path(ORIGINAL);
        if (ropeType().equals(DYNAMIC) && !original.isMissingNode() && !original.isNull()) {
            limit = limit.orShorter(wholeNumber(ropeKey() + "." + ORIGINAL, original), ropeKey() + "." + ORIGINAL);
        }
        return limit;
    }

    private double ropeTheta() {
        JsonNode nested = root.path("rope_parameters").path("rope_theta");
        return nested.isMissingNode()
                ? file.number("rope_theta", 10000)
                : file.number("rope_parameters.rope_theta", nested);
    }

    private String ropeKey() {
        return file.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
    }

    private JsonNode rope() {
        JsonNode node = root.path(ropeKey());
        return node.isNull() ? node : requireOneForAllLayers(node);
    }

    private JsonNode requireOneForAllLayers(JsonNode node) {
        if (!node.isMissingNode() && !node.isObject()) {
            throw file.refused(ropeKey(), "an object", node);
        }
        for (JsonNode child : node) {
            if (child.isObject()) {
                throw file.refused(ropeKey(), "the same for all layers", node);
            }
        }
        return node;
    }

    private String ropeType() {
        JsonNode node = rope();
        return node.path("rope_type").asText(node.path("type").asText("default"));
    }

    private Optional<RopeScaling> ropeScaling() {
        String key = ropeKey();
        JsonNode node = rope();
        JsonNode partial = node.path(PARTIAL);
        if (!partial.isMissingNode() && file.number(key + "." + PARTIAL, partial) != 1) {
            throw file.refused(key + "." + PARTIAL, "1", partial);
        }
        String type = ropeType();
        switch (type) {
            case "default", DYNAMIC -> {
                // dynamic: nothing is stretched up to max_position_embeddings, and longer prompts are refused
                return Optional.empty();
            }
            case "linear" -> {
                if (number(node, key, "factor", type) != 1) {
                    throw file.refused(key + ".factor", "1 with rope_type linear", node.path("factor"));
                }
                return Optional.empty();
            }
            case "llama3" -> {
                return Optional.of(new RopeScaling(
                        number(node, key, "factor", type),
                        number(node, key, "low_freq_factor", type),
                        number(node, key, "high_freq_factor", type),
                        wholeNumber(key + "." + ORIGINAL, node.path(ORIGINAL))));
            }
            default ->
                throw file.refused(
                        key + ".rope_type",
                        "one of default, llama3, dynamic, or linear with factor 1",
                        ConfigFile.quoted(type));
        }
    }

    private double number(JsonNode node, String key, String name, String type) {
        if (!node.path(name).isNumber()) {
            throw file.refused(key + "." + name, "a number with rope_type " + type, node.path(name));
        }
        double number = file.number(key + "." + name, node.path(name));
        if (number <= 0) {
            throw file.refused(key + "." + name, "above 0", node.path(name));
        }
        return number;
    }

    private int wholeNumber(String key, JsonNode node) {
        double number = file.number(key, node);
        if (number != Math.rint(number) || number < 1 || number > Integer.MAX_VALUE) {
            throw file.refused(key, "a whole number from 1 on", node);
        }
        return (int) number;
    }

    private int integer(String key, int otherwise) {
        return file.has(key) ? file.integer(key) : otherwise;
    }
}
