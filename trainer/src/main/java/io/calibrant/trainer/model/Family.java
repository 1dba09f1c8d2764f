package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.calibrant.trainer.model.Architecture.Biases;
import io.calibrant.trainer.model.Architecture.Norms;
import io.calibrant.trainer.model.Architecture.Scales;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/** The families of models that are read, each with what it makes of a {@code config.json}. */
enum Family {
    /** Llama, and all that call themselves so: SmolLM, Vicuna, TinyLlama. */
    LLAMA("LlamaForCausalLM") {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            return plain.with(sameBiases(file, file.isTrue("mlp_bias")));
        }
    },
    /** Mistral: no biases; a sliding window in all layers unless the configuration has null for it. */
    MISTRAL("MistralForCausalLM", FamilyDefaults.llama().keyValueHeads(8).positions(131_072)) {
        @Override
        int window(ConfigFile file) {
            return windowOr(file, DEFAULT_WINDOW);
        }
    },
    /** Ministral 3: a Mistral whose queries grow with their position. */
    MINISTRAL3(
            "Ministral3ForCausalLM",
            FamilyDefaults.llama()
                    .normEpsilon(1e-5)
                    .headWidth(128)
                    .keyValueHeads(8)
                    .positions(262_144)
                    .pad(11)) {
        @Override
        int window(ConfigFile file) {
            return windowOr(file, 0);
        }

        @Override
        boolean hasPositionScale() {
            return true;
        }

        @Override
        JsonNode rotaryDefault() {
            return JsonNodeFactory.instance
                    .objectNode()
                    .put("rope_type", "yarn")
                    .put("rope_theta", 1e6)
                    .put("factor", 16.0)
                    .put("original_max_position_embeddings", 16_384)
                    .put("mscale", 1.0)
                    .put("mscale_all_dim", 1.0)
                    .put("llama_4_scaling_beta", 0.1);
        }
    },
    /** Qwen 2 and 2.5: biases on q, k and v; a sliding window in upper layers, switched on by a key of its own. */
    QWEN2(
            "Qwen2ForCausalLM",
            FamilyDefaults.llama().keyValueHeads(32).positions(32_768).layerTypes()) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            return plain.with(new Biases(true, false, false));
        }

        @Override
        int window(ConfigFile file) {
            return switchedWindow(file, DEFAULT_WINDOW);
        }

        @Override
        boolean slides(ConfigFile file, int layer) {
            return isUpper(file, layer);
        }
    },
    /** Qwen 3: an RMSNorm on every head of q and k; the window of Qwen 2; the width of a head is not D / H. */
    QWEN3(
            "Qwen3ForCausalLM",
            FamilyDefaults.llama()
                    .headWidth(128)
                    .keyValueHeads(32)
                    .positions(32_768)
                    .layerTypes()) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            return plain.with(sameBiases(file, false))
                    .with(new Norms(Norms.Places.BEFORE, Norms.QueryKey.EACH_HEAD, false));
        }

        @Override
        int window(ConfigFile file) {
            return switchedWindow(file, DEFAULT_WINDOW);
        }

        @Override
        boolean slides(ConfigFile file, int layer) {
            return isUpper(file, layer);
        }
    },
    /** Gemma: norms' weights around 1, embeddings times sqrt(D), an activation of its own. */
    GEMMA(
            "GemmaForCausalLM",
            FamilyDefaults.llama()
                    .tiedHead()
                    .headWidth(256)
                    .keyValueHeads(16)
                    .positions(8192)
                    .pad(0)) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            refuseBothWays(file);
            return plain.with(sameBiases(file, false))
                    .with(new Norms(Norms.Places.BEFORE, Norms.QueryKey.NONE, true))
                    .with(scaledEmbeddings(
                            file, OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty()));
        }

        @Override
        Activation activation(ConfigFile file) {
            // transformers reads no hidden_activation of the first Gemma, and takes the gelu of its files for the other
            Activation activation = named(file, "hidden_act", Activation.GELU_TANH);
            return activation == Activation.GELU ? Activation.GELU_TANH : activation;
        }
    },
    /** Gemma 2: norms before and after, scores and logits capped, a window in every other layer. */
    GEMMA2(
            "Gemma2ForCausalLM",
            FamilyDefaults.llama()
                    .tiedHead()
                    .headWidth(256)
                    .keyValueHeads(4)
                    .positions(8192)
                    .pad(0)
                    .layerTypes()) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            refuseBothWays(file);
            return plain.with(sameBiases(file, false))
                    .with(new Norms(Norms.Places.AROUND, Norms.QueryKey.NONE, true))
                    .with(scaledEmbeddings(
                            file,
                            scoreScale(file),
                            cap(file, SCORE_CAP, OptionalDouble.of(50)),
                            cap(file, LOGIT_CAP, OptionalDouble.of(30))));
        }

        @Override
        Activation activation(ConfigFile file) {
            return named(file, GEMMA_ACTIVATION, Activation.GELU_TANH);
        }

        @Override
        int window(ConfigFile file) {
            return windowOr(file, DEFAULT_WINDOW);
        }

        @Override
        boolean slides(ConfigFile file, int layer) {
            return layer % 2 == 0;
        }
    },
    /** Gemma 3, the models of text alone: norms on heads, a window in most layers, and frequencies of their own. */
    GEMMA3_TEXT(
            "Gemma3ForCausalLM",
            FamilyDefaults.llama()
                    .tiedHead()
                    .rotaryBase(1e6)
                    .headWidth(256)
                    .keyValueHeads(4)
                    .positions(131_072)
                    .pad(0)
                    .layerTypes()) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            refuseBothWays(file);
            return plain.with(sameBiases(file, false))
                    .with(new Norms(Norms.Places.AROUND, Norms.QueryKey.EACH_HEAD, true))
                    .with(scaledEmbeddings(
                            file,
                            scoreScale(file),
                            OptionalDouble.empty(), // transformers stores attn_logit_softcapping, and caps no scores
                            cap(file, LOGIT_CAP, OptionalDouble.empty())));
        }

        @Override
        Activation activation(ConfigFile file) {
            return named(file, GEMMA_ACTIVATION, Activation.GELU_TANH);
        }

        @Override
        int window(ConfigFile file) {
            return windowOr(file, DEFAULT_WINDOW);
        }

        @Override
        boolean slides(ConfigFile file, int layer) {
            // transformers writes _sliding_window_pattern, beside layer_types, and never reads it
            return (layer + 1) % integerOr(file, "sliding_window_pattern", 1, 6) != 0;
        }

        @Override
        Optional<String> slidingRotaryBase() {
            return Optional.of("rope_local_base_freq");
        }
    },
    /** Phi-3 and Phi-4: fused maps, perhaps a window in all layers, perhaps a part of each head that is not turned. */
    PHI3(
            "Phi3ForCausalLM",
            FamilyDefaults.llama()
                    .normEpsilon(1e-5)
                    .positions(4096)
                    .originalPositions(4096)
                    .pad(32_000)) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            return plain.withFusedMaps();
        }

        @Override
        int window(ConfigFile file) {
            return windowOr(file, 0);
        }

        @Override
        boolean turnsPartsOfHeads() {
            return true;
        }

        @Override
        String ropeType(String name) {
            return name.equals("su") || name.equals("yarn") ? "longrope" : name;
        }
    },
    /** SmolLM 3: layers without rotary positions; a window, if any, in those. */
    SMOLLM3(
            "SmolLM3ForCausalLM",
            FamilyDefaults.llama()
                    .tiedHead()
                    .rotaryBase(2e6)
                    .keyValueHeads(4)
                    .positions(32_768)
                    .pad(128_004)
                    .layerTypes()) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            return plain.with(sameBiases(file, file.isTrue("mlp_bias")));
        }

        @Override
        int window(ConfigFile file) {
            return switchedWindow(file, 0);
        }

        @Override
        boolean slides(ConfigFile file, int layer) {
            return !turns(file, layer);
        }

        @Override
        boolean turns(ConfigFile file, int layer) {
            if (!file.has(UNTURNED)) {
                int interval = integerOr(file, "no_rope_layer_interval", 1, 4);
                return (layer + 1) % interval != 0;
            }
            JsonNode flag = file.root().path(UNTURNED).path(layer);
            if (!flag.isIntegralNumber() && !flag.isBoolean()) {
                throw file.refused(
                        UNTURNED,
                        "a list with 1 or 0 for each layer",
                        file.root().path(UNTURNED));
            }
            return flag.asInt() != 0;
        }
    },
    /** OLMo 2: norms after attention and feed-forward network instead of before, and over all heads of q and of k. */
    OLMO2("Olmo2ForCausalLM", FamilyDefaults.llama().normEpsilon(1e-5).pad(1)) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            return plain.with(sameBiases(file, false))
                    .with(new Norms(Norms.Places.AFTER, Norms.QueryKey.ALL_HEADS, false));
        }
    },
    /** Granite: embeddings, scores, residuals and logits are scaled. */
    GRANITE("GraniteForCausalLM") {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            return plain.with(sameBiases(file, file.isTrue("mlp_bias")))
                    .with(new Scales(
                            positive(file, "embedding_multiplier", 1),
                            false,
                            positive(file, "residual_multiplier", 1),
                            OptionalDouble.of(positive(file, "attention_multiplier", 1)),
                            OptionalDouble.empty(),
                            positive(file, "logits_scaling", 1),
                            OptionalDouble.empty()));
        }
    },
    /** Seed-OSS: biases on q, k and v, and keys of its own for the others. */
    SEED_OSS(
            "SeedOssForCausalLM",
            FamilyDefaults.llama()
                    .headWidth(128)
                    .keyValueHeads(8)
                    .positions(524_288)
                    .pad(1)) {
        @Override
        Architecture describe(Architecture plain, ConfigFile file) {
            boolean attention = !file.has("attention_bias") || file.isTrue("attention_bias");
            return plain.with(new Biases(attention, file.isTrue("attention_out_bias"), file.isTrue("mlp_bias")));
        }
    };

    /** The key of the sliding window. */
    private static final String WINDOW = "sliding_window";

    /** What the class of a sequence classifier ends in. */
    private static final String CLASSIFIER = "(Text)?ForSequenceClassification$";

    private static final int DEFAULT_WINDOW = 4096;
    private static final String GEMMA_ACTIVATION = "hidden_activation";
    private static final String SCORE_CAP = "attn_logit_softcapping";
    private static final String LOGIT_CAP = "final_logit_softcapping";
    private static final String UNTURNED = "no_rope_layers";

    /** Keys of models whose feed-forward networks are many, of which a token takes a few. */
    private static final List<String> EXPERTS =
            List.of("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts");

    /** In the names of most of these families. */
    private static final String MIXTURE = "moe";

    private final String className;
    /** Primitives alone: immutable, which the checker believes of annotated records only. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final FamilyDefaults defaults;

    Family(String className) {
        this(className, FamilyDefaults.llama());
    }

    Family(String className, FamilyDefaults.Builder defaults) {
        this.className = className;
        this.defaults = defaults.build();
    }

    /** What holds where the configuration does not say. */
    final FamilyDefaults defaults() {
        return defaults;
    }

    /** The architecture that a configuration of this family describes. */
    final Architecture architecture(ConfigFile file) {
        boolean tied = file.has("tie_word_embeddings") ? file.isTrue("tie_word_embeddings") : defaults.tied();
        return describe(Architecture.plain(modelType(), tied).with(activation(file)), file);
    }

    /** What this family adds to an architecture that has no biases and the norms and scales of Llama. */
    Architecture describe(Architecture plain, ConfigFile file) {
        return plain;
    }

    Activation activation(ConfigFile file) {
        return named(file, "hidden_act", Activation.SILU);
    }

    /** The key with the base of sliding layers, which turn by it without any scaling; empty where all turn alike. */
    Optional<String> slidingRotaryBase() {
        return Optional.empty();
    }

    /** What stands for rotary settings where the configuration has none; nothing for plain ones. */
    JsonNode rotaryDefault() {
        return MissingNode.getInstance();
    }

    /** Whether a part of each head may be left as it is. */
    boolean turnsPartsOfHeads() {
        return false;
    }

    /** Whether queries are scaled by their position. */
    boolean hasPositionScale() {
        return false;
    }

    /** The way of scaling that a name in the configuration means. */
    String ropeType(String name) {
        return name;
    }

    /** Whether positions turn queries and keys in a layer. */
    boolean turns(ConfigFile file, int layer) {
        return true;
    }

    /**
     * How many tokens a query sees in layers that slide, itself included; 0 if no layer does, as where transformers
     * does not look at the key. Where the key is missing: what transformers assumes.
     */
    int window(ConfigFile file) {
        return 0;
    }

    /** Whether a layer slides, given a window, where the configuration has no {@code layer_types}. */
    boolean slides(ConfigFile file, int layer) {
        return true;
    }

    /** E where the configuration has no {@code head_dim}: what transformers assumes; with null in its place D / H. */
    final int headWidth(ConfigFile file, int width, int heads) {
        if (defaults.headWidth() > 0 && !file.root().has("head_dim")) {
            return defaults.headWidth();
        }
        if (heads > 0 && width % heads != 0) {
            throw file.refused("hidden_size", "a multiple of num_attention_heads " + heads, width);
        }
        return heads > 0 ? width / heads : 0;
    }

    private static Biases sameBiases(ConfigFile file, boolean feedForward) {
        boolean attention = file.isTrue("attention_bias");
        return new Biases(attention, attention, feedForward);
    }

    /** Embeddings times sqrt(D), as in all Gemmas: in transformers a tensor of the type that the weights have. */
    private static Scales scaledEmbeddings(
            ConfigFile file, OptionalDouble scores, OptionalDouble scoreCap, OptionalDouble logitCap) {
        return new Scales(Math.sqrt(file.integer("hidden_size")), true, 1, scores, scoreCap, 1, logitCap);
    }

    private static OptionalDouble scoreScale(ConfigFile file) {
        return OptionalDouble.of(1 / Math.sqrt(positive(file, "query_pre_attn_scalar", 256)));
    }

    /** A cap; null is none. */
    private static OptionalDouble cap(ConfigFile file, String key, OptionalDouble otherwise) {
        if (file.root().path(key).isNull()) {
            return OptionalDouble.empty();
        }
        return file.has(key) ? OptionalDouble.of(positive(file, key, 1)) : otherwise;
    }

    private static double positive(ConfigFile file, String key, double otherwise) {
        double number = file.number(key, otherwise);
        if (number <= 0) {
            throw file.refused(key, "above 0", number);
        }
        return number;
    }

    private static void refuseBothWays(ConfigFile file) {
        if (file.isTrue("use_bidirectional_attention")) {
            throw file.refused("use_bidirectional_attention", "false", "true");
        }
    }

    private static Activation named(ConfigFile file, String key, Activation otherwise) {
        Optional<String> name = file.text(key);
        return name.isEmpty()
                ? otherwise
                : Activation.of(name.get())
                        .orElseThrow(() -> file.refused(key, Activation.ACCEPTED, ConfigFile.quoted(name.get())));
    }

    private static int integerOr(ConfigFile file, String key, int least, int otherwise) {
        int value = file.has(key) ? file.integer(key) : otherwise;
        if (value < least) {
            throw file.refused(key, least + " or more", value);
        }
        return value;
    }

    /** Whether a layer of a Qwen is among those that slide. */
    private static boolean isUpper(ConfigFile file, int layer) {
        return layer >= integerOr(file, "max_window_layers", 0, 28);
    }

    private static int switchedWindow(ConfigFile file, int otherwise) {
        return file.isTrue("use_sliding_window") ? windowOr(file, otherwise) : 0;
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
        String given = file.root().path("architectures").path(0).asText("");
        String className = given.replaceFirst(CLASSIFIER, "ForCausalLM"); // the same but for the head
        Optional<Family> found = Arrays.stream(values())
                .filter(f -> type.isEmpty()
                        ? f.className.equals(className)
                        : f.modelType().equals(type))
                .findFirst();
        if (found.isEmpty() && (className.isEmpty() || !type.isEmpty())) {
            throw file.refused("model_type", accepted(), ConfigFile.quoted(type) + experts(file, type) + within(file));
        }
        if (found.isEmpty() || !(className.isEmpty() || className.equals(found.get().className))) {
            throw file.refused("architectures", accepted(), ConfigFile.quoted(given) + experts(file, given));
        }
        refuseExperts(file, found.get().modelType());
        return found.get();
    }

    private static String experts(ConfigFile file, String type) {
        boolean mixture = type.toLowerCase(Locale.ROOT).contains(MIXTURE)
                || EXPERTS.stream()
                        .flatMap(key -> file.root().findValues(key).stream())
                        .anyMatch(number -> number.asInt() > 1);
        return mixture ? ", a mixture of experts, which is not supported" : "";
    }

    private static String within(ConfigFile file) {
        String type = file.root().path("text_config").path("model_type").asText("");
        return type.isEmpty()
                ? ""
                : "; its text_config is of " + ConfigFile.quoted(type) + ", and models of text alone are read";
    }

    /** A model of a known family with experts is none of it, though a class may pass over them. */
    private static void refuseExperts(ConfigFile file, String type) {
        for (String key : EXPERTS) {
            if (file.root().path(key).asInt() > 1) {
                throw file.refused(
                        key,
                        "absent or 1 with model_type " + type + ": a mixture of experts is not supported",
                        file.root().path(key));
            }
        }
    }

    private static String accepted() {
        return Arrays.stream(values())
                .map(f -> f.modelType() + " (" + f.className + ")")
                .collect(Collectors.joining(", ", "one of ", ""));
    }
}
