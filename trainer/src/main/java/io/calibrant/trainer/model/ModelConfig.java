package io.calibrant.trainer.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * What a {@code config.json} says about a model.
 *
 * @param architecture what distinguishes its family
 * @param sizes how large it is
 * @param attention what the attention of each layer is, [L]
 * @param normEpsilon added to the mean square in RMSNorm
 * @param context how long a sequence may be
 */
public record ModelConfig(
        Architecture architecture,
        ModelSizes sizes,
        List<AttentionKind> attention,
        double normEpsilon,
        ContextLimit context) {

    /** The module path of the head. */
    public static final String HEAD = "lm_head";

    /** The module path of the head of a sequence classifier, which stands in the place of {@link #HEAD}. */
    public static final String SCORE = "score";

    /** The name of its file. */
    static final String FILE = "config.json";

    private static final String LAYERS = "model.layers.";
    private static final String PAD = "pad_token_id";

    private static final Set<String> FEED_FORWARD = Set.of("gate_proj", "up_proj", "gate_up_proj", "down_proj");

    /** @throws IllegalArgumentException if the epsilon is negative, or the layers are not all there */
    public ModelConfig {
        attention = List.copyOf(attention);
        if (attention.size() != sizes.layers()) {
            throw new IllegalArgumentException(
                    "num_hidden_layers must be that of the attention " + attention.size() + ", got " + sizes.layers());
        }
        if (!(normEpsilon >= 0)) {
            throw new IllegalArgumentException("rms_norm_eps must be 0 or more, got " + normEpsilon);
        }
    }

    /** A Llama without biases: epsilon 1e-5, rotary base 10,000. */
    public static ModelConfig llama(ModelSizes sizes, boolean tiedHead) {
        return new ModelConfig(
                Architecture.plain(Family.LLAMA.modelType(), tiedHead),
                sizes,
                Collections.nCopies(sizes.layers(), new AttentionKind(0, Optional.of(RotarySettings.plain(10_000)))),
                1e-5,
                ContextLimit.ofPositions(sizes.maxPositions()));
    }

    /**
     * Reads {@code config.json} of a model directory.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException if the file is missing or the model is of a kind that
     *     is not supported; names the file, the key, what was found and what is accepted
     */
    public static ModelConfig read(Path directory) {
        return ConfigReader.read(ConfigFile.read(directory.resolve(FILE)));
    }

    /**
     * The id of the token that fills batches in Python, as a model's {@code config.json} or transformers' defaults for
     * its family say; empty where there is none.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException as {@link #read}
     */
    public static OptionalInt pad(Path directory) {
        ConfigFile file = ConfigFile.read(directory.resolve(FILE));
        if (file.root().has(PAD)) {
            return file.has(PAD) ? OptionalInt.of(file.integer(PAD)) : OptionalInt.empty();
        }
        int assumed = Family.of(file).defaults().pad();
        return assumed < 0 ? OptionalInt.empty() : OptionalInt.of(assumed);
    }

    /** Tokens in the vocabulary. */
    public int vocabularySize() {
        return sizes.vocabulary();
    }

    /** D. */
    public int width() {
        return sizes.width();
    }

    /** L. */
    public int layers() {
        return sizes.layers();
    }

    /** H. */
    public int heads() {
        return sizes.heads();
    }

    /** V. */
    public int keyValueHeads() {
        return sizes.keyValueHeads();
    }

    /** E. */
    public int headWidth() {
        return sizes.headWidth();
    }

    /** F. */
    public int feedForwardWidth() {
        return sizes.feedForwardWidth();
    }

    /** Longest sequence: what the model was made for, or what its positions are stretched to. */
    public int maxPositions() {
        return context.tokens();
    }

    /** What scores are multiplied with: 1 / sqrt(E) unless the architecture has a scale of its own. */
    double scoreScale() {
        return architecture.scales().scores().orElse(1 / Math.sqrt(headWidth()));
    }

    /** The module path of layer {@code layer}. */
    static String layerPath(int layer) {
        return LAYERS + layer;
    }

    /** The module path of a linear map of layer {@code layer}, for example of {@code q_proj}. */
    public static String path(int layer, String name) {
        String part = FEED_FORWARD.contains(name) ? "mlp" : "self_attn";
        return layerPath(layer) + "." + part + "." + name;
    }

    /** The layer that a map is in; for the head, which is in none, the largest integer. */
    public static int layerOf(String path) {
        return path.startsWith(LAYERS)
                ? Integer.parseInt(path.substring(LAYERS.length(), path.indexOf('.', LAYERS.length())))
                : Integer.MAX_VALUE;
    }

    /** A name for what the attention maps of layer {@code layer} read at the last real token. */
    public static String lastInput(int layer) {
        return layerPath(layer) + ".self_attn.last_input";
    }

    /** Whether a map is a head: evaluated at the last real token only. */
    public static boolean isHead(String path) {
        return path.equals(HEAD) || path.equals(SCORE);
    }

    /** A name for what a map reads: q, k and v of a layer have one input, and so have gate and up. */
    public static String inputOf(String path) {
        return path.replaceFirst("\\.[qkv]_proj$", ".qkv").replaceFirst("\\.(gate|up)_proj$", ".gate_up");
    }

    /**
     * Every linear map, in the order of the forward pass: q, k, v, o, gate, up, down of each layer, or qkv, o, gate_up,
     * down where maps are fused; then the head.
     */
    public List<LinearShape> linears() {
        int d = width();
        int queries = heads() * headWidth();
        int keys = keyValueHeads() * headWidth();
        int f = feedForwardWidth();
        List<LinearShape> linears = new ArrayList<>();
        for (int i = 0; i < layers(); i++) {
            if (architecture.fusedMaps()) {
                linears.add(new LinearShape(path(i, "qkv_proj"), d, queries + 2 * keys));
            } else {
                linears.add(new LinearShape(path(i, "q_proj"), d, queries));
                linears.add(new LinearShape(path(i, "k_proj"), d, keys));
                linears.add(new LinearShape(path(i, "v_proj"), d, keys));
            }
            linears.add(new LinearShape(path(i, "o_proj"), queries, d));
            if (architecture.fusedMaps()) {
                linears.add(new LinearShape(path(i, "gate_up_proj"), d, 2 * f));
            } else {
                linears.add(new LinearShape(path(i, "gate_proj"), d, f));
                linears.add(new LinearShape(path(i, "up_proj"), d, f));
            }
            linears.add(new LinearShape(path(i, "down_proj"), f, d));
        }
        linears.add(new LinearShape(HEAD, d, vocabularySize()));
        return List.copyOf(linears);
    }
}
