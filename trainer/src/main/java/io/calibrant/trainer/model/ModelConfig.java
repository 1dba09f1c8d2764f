package io.calibrant.trainer.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a {@code config.json} of the Llama family says about the model.
 *
 * @param modelType {@code llama}, {@code mistral} or {@code qwen2}
 * @param vocabularySize tokens in the vocabulary
 * @param width D
 * @param layers L
 * @param heads H, query heads
 * @param keyValueHeads V; divides H
 * @param headWidth E; even; not always D / H
 * @param feedForwardWidth F
 * @param maxPositions longest sequence
 * @param normEpsilon added to the mean square in RMSNorm
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling the "llama3" scaling, if any
 * @param queryKeyValueBias whether q, k and v have a bias
 * @param attentionOutputBias whether o has a bias
 * @param feedForwardBias whether gate, up and down have a bias
 * @param tiedHead whether the head's weight is the embedding table
 */
public record ModelConfig(
        String modelType,
        int vocabularySize,
        int width,
        int layers,
        int heads,
        int keyValueHeads,
        int headWidth,
        int feedForwardWidth,
        int maxPositions,
        double normEpsilon,
        double ropeTheta,
        Optional<RopeScaling> ropeScaling,
        boolean queryKeyValueBias,
        boolean attentionOutputBias,
        boolean feedForwardBias,
        boolean tiedHead) {

    /** The module path of the head. */
    public static final String HEAD = "lm_head";

    private static final String LAYERS = "model.layers.";

    /** @throws IllegalArgumentException if sizes contradict each other */
    public ModelConfig {
        requirePositive("vocab_size", vocabularySize);
        requirePositive("hidden_size", width);
        requirePositive("num_hidden_layers", layers);
        requirePositive("num_attention_heads", heads);
        requirePositive("num_key_value_heads", keyValueHeads);
        requirePositive("head_dim", headWidth);
        requirePositive("intermediate_size", feedForwardWidth);
        requirePositive("max_position_embeddings", maxPositions);
        if (heads % keyValueHeads != 0) {
            throw new IllegalArgumentException(
                    "num_attention_heads " + heads + " is not a multiple of num_key_value_heads " + keyValueHeads);
        }
        if (headWidth % 2 != 0) {
            throw new IllegalArgumentException("head_dim " + headWidth + " is odd");
        }
        if (!(normEpsilon >= 0)) {
            throw new IllegalArgumentException("rms_norm_eps " + normEpsilon + " is negative");
        }
        if (!(ropeTheta > 0)) {
            throw new IllegalArgumentException("rope_theta " + ropeTheta + " is not positive");
        }
    }

    private static void requirePositive(String key, int value) {
        if (value <= 0) {
            throw new IllegalArgumentException(key + " " + value + " is not positive");
        }
    }

    /**
     * Reads {@code config.json} of a model directory.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException if the file is missing or the model is of a kind that
     *     is not supported; names the file, the key, what was found and what is accepted
     */
    public static ModelConfig read(Path directory) {
        return ConfigReader.read(directory.resolve("config.json"));
    }

    /** G: query heads that share a key/value head. */
    public int group() {
        return heads / keyValueHeads;
    }

    /** The module path of a linear map of layer {@code layer}, for example of {@code q_proj}. */
    public static String path(int layer, String name) {
        String part =
                name.equals("gate_proj") || name.equals("up_proj") || name.equals("down_proj") ? "mlp" : "self_attn";
        return LAYERS + layer + "." + part + "." + name;
    }

    /** The layer that a map is in; for the head, which is in none, the largest integer. */
    public static int layerOf(String path) {
        return path.startsWith(LAYERS)
                ? Integer.parseInt(path.substring(LAYERS.length(), path.indexOf('.', LAYERS.length())))
                : Integer.MAX_VALUE;
    }

    /** A name for what a map reads: q, k and v of a layer have one input, and so have gate and up. */
    public static String inputOf(String path) {
        return path.replaceFirst("[qkv]_proj$", "qkv").replaceFirst("(gate|up)_proj$", "gate_up");
    }

    /** Every linear map, in the order of the forward pass: q, k, v, o, gate, up, down of each layer, then the head. */
    public List<LinearShape> linears() {
        List<LinearShape> linears = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            linears.add(new LinearShape(path(i, "q_proj"), width, heads * headWidth));
            linears.add(new LinearShape(path(i, "k_proj"), width, keyValueHeads * headWidth));
            linears.add(new LinearShape(path(i, "v_proj"), width, keyValueHeads * headWidth));
            linears.add(new LinearShape(path(i, "o_proj"), heads * headWidth, width));
            linears.add(new LinearShape(path(i, "gate_proj"), width, feedForwardWidth));
            linears.add(new LinearShape(path(i, "up_proj"), width, feedForwardWidth));
            linears.add(new LinearShape(path(i, "down_proj"), feedForwardWidth, width));
        }
        linears.add(new LinearShape(HEAD, width, vocabularySize));
        return List.copyOf(linears);
    }
}
