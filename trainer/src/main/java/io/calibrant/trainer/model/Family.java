package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.trainer.model.Architecture.Biases;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** The families of models that are read, each with what it makes of a {@code config.json}. */
enum Family {
    /** Llama, and all that call themselves so: SmolLM, Vicuna, TinyLlama. */
    LLAMA("LlamaForCausalLM") {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            boolean attention = file.isTrue("attention_bias");
            return plain.withBiases(new Biases(attention, attention, file.isTrue("mlp_bias")));
        }
    },
    /** Mistral: no biases; a sliding window unless the configuration has null for it. */
    MISTRAL("MistralForCausalLM") {
        @Override
        int window(ConfigFile file) {
            return windowOr(file, DEFAULT_WINDOW);
        }
    },
    /** Qwen 2 and 2.5: biases on q, k and v; a sliding window that is switched on by a key of its own. */
    QWEN2("Qwen2ForCausalLM") {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            return plain.withBiases(new Biases(true, false, false));
        }

        @Override
        int window(ConfigFile file) {
            return switchedWindow(file);
        }
    },
    /** Qwen 3: an RMSNorm on every head of q and k; the window of Qwen 2; the width of a head is not D / H. */
    QWEN3("Qwen3ForCausalLM") {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            boolean attention = file.isTrue("attention_bias");
            return plain.withBiases(new Biases(attention, attention, false)).withHeadNorms();
        }

        @Override
        int window(ConfigFile file) {
            return switchedWindow(file);
        }

        @Override
        int headWidth(ConfigFile file, int width, int heads) {
            return 128;
        }
    };

    /** The key of the sliding window. */
    static final String WINDOW = "sliding_window";

    /** What the class of a sequence classifier ends in. */
    private static final String CLASSIFIER = "(Text)?ForSequenceClassification$";

    private static final int DEFAULT_WINDOW = 4096;

    private final String className;

    Family(String className) {
        this.className = className;
    }

    /** The architecture that a configuration of this family describes. */
    final Architecture architecture(ConfigFile file) {
        return describe(Architecture.plain(modelType(), file.isTrue("tie_word_embeddings")), file);
    }

    /** What this family adds to an architecture that has no biases and no norms on heads. */
    Architecture describe(Architecture plain, ConfigFile file) {
        return plain;
    }

    /**
     * How many tokens a query sees, itself included; 0 for all, as where transformers does not look at the key. Where
     * the key is missing: what transformers assumes.
     */
    int window(ConfigFile file) {
        return 0;
    }

    /** E where the configuration has no {@code head_dim}: what transformers assumes. */
    int headWidth(ConfigFile file, int width, int heads) {
        if (heads > 0 && width % heads != 0) {
            throw file.refused("hidden_size", "a multiple of num_attention_heads " + heads, width);
        }
        return heads > 0 ? width / heads : 0;
    }

    private static int switchedWindow(ConfigFile file) {
        return file.isTrue("use_sliding_window") ? windowOr(file, DEFAULT_WINDOW) : 0;
    }

    private static int windowOr(ConfigFile file, int otherwise) {
        JsonNode node = file.root().path(WINDOW);
        if (node.isMissingNode() || node.isNull()) {
            return node.isNull() ? 0 : otherwise;
        }
        int window = file.integer(WINDOW);
        if (window < 1) {
            throw file.refused(WINDOW, "1 or more, or null", window);
        }
        return window;
    }

    /** {@code model_type} of its configurations. */
    final String modelType() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The family of a configuration by {@code model_type}, or where that is missing by {@code architectures}. */
    static Family of(ConfigFile file) {
        String type = file.text("model_type").orElse("");
        String named = file.root().path("architectures").path(0).asText("");
        String className = named.replaceFirst(CLASSIFIER, "ForCausalLM"); // the same but for the head
        Optional<Family> found = Arrays.stream(values())
                .filter(f -> type.isEmpty()
                        ? f.className.equals(className)
                        : f.modelType().equals(type))
                .findFirst();
        if (found.isEmpty() && (className.isEmpty() || !type.isEmpty())) {
            throw file.refused("model_type", accepted(), ConfigFile.quoted(type));
        }
        if (found.isEmpty() || !(className.isEmpty() || className.equals(found.get().className))) {
            throw file.refused("architectures", accepted(), ConfigFile.quoted(named));
        }
        return found.get();
    }

    private static String accepted() {
        return Arrays.stream(values())
                .map(f -> f.modelType() + " (" + f.className + ")")
                .collect(Collectors.joining(", ", "one of ", ""));
    }
}
