package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads a {@code config.json}, and refuses by name whatever the forward pass does not do. */
final class ConfigReader {
    private static final String LAYER_TYPES = "layer_types";
    private static final String KEY_VALUE_HEADS = "num_key_value_heads";
    private static final String SLIDING = "sliding_attention";
    private static final String FULL = "full_attention";

    private final ConfigFile file;
    private final JsonNode root;
    private final Family family;

    private ConfigReader(ConfigFile file) {
        this.file = file;
        root = file.root();
        family = Family.of(file);
    }

    static ModelConfig read(ConfigFile file) {
        return new ConfigReader(file).config();
    }

    private ModelConfig config() {
        StoredQuantization.read(file); // refuses what cannot be read
        try {
            Architecture architecture = family.architecture(file);
            ModelSizes sizes = sizes();
            RopeReader rope = new RopeReader(file, family, sizes);
            return new ModelConfig(
                    architecture,
                    sizes,
                    layers(rope, sizes),
                    file.number("rms_norm_eps", family.defaults().normEpsilon()),
                    rope.context());
        } catch (IllegalArgumentException e) {
            throw file.refused(e);
        }
    }

    private ModelSizes sizes() {
        int width = file.integer("hidden_size");
        int heads = file.integer("num_attention_heads");
        int headWidth = file.has("head_dim") ? file.integer("head_dim") : family.headWidth(file, width, heads);
        return new ModelSizes(
                file.integer("vocab_size"),
                width,
                file.integer("num_hidden_layers"),
                heads,
                keyValueHeads(heads),
                headWidth,
                file.integer("intermediate_size"),
                integer("max_position_embeddings", family.defaults().positions()));
    }

    private int keyValueHeads(int heads) {
        int assumed = family.defaults().keyValueHeads();
        return integer(KEY_VALUE_HEADS, assumed == 0 || root.has(KEY_VALUE_HEADS) ? heads : assumed);
    }

    /** What the attention of each layer is. */
    private List<AttentionKind> layers(RopeReader rope, ModelSizes sizes) {
        int window = family.window(file);
        List<AttentionKind> kinds = new ArrayList<>();
        for (int layer = 0; layer < sizes.layers(); layer++) {
            boolean slides = slides(layer, window, sizes);
            Optional<RotarySettings> rotary =
                    family.turns(file, layer) ? Optional.of(rope.settings(slides)) : Optional.empty();
            kinds.add(new AttentionKind(slides ? window : 0, rotary));
        }
        return List.copyOf(kinds);
    }

    private boolean slides(int layer, int window, ModelSizes sizes) {
        boolean byDefault = window > 0 && family.slides(file, layer);
        if (!file.has(LAYER_TYPES)) {
            return byDefault;
        }
        JsonNode types = root.path(LAYER_TYPES);
        if (!types.isArray() || types.size() != sizes.layers()) {
            throw file.refused(LAYER_TYPES, "a list of num_hidden_layers " + sizes.layers() + " names", types);
        }
        JsonNode type = types.path(layer);
        boolean slides = type.asText().equals(SLIDING) && window > 0;
        if (!slides && !type.asText().equals(FULL)) {
            throw file.refused(LAYER_TYPES, FULL + " in every layer, or " + SLIDING + " with a sliding_window", type);
        }
        if (slides != byDefault && !family.defaults().layerTypes()) {
            throw file.refused(
                    LAYER_TYPES,
                    (byDefault ? SLIDING : FULL) + " in every layer with model_type " + family.modelType()
                            + " and this sliding_window",
                    type);
        }
        return slides;
    }

    private int integer(String key, int otherwise) {
        return file.has(key) ? file.integer(key) : otherwise;
    }
}
