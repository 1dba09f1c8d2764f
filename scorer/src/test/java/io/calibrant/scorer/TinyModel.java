package io.calibrant.scorer;

import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A Llama of two layers with random weights and a tokenizer of whole words: a label is one token exactly if it is one
 * of the words.
 */
public final class TinyModel {
    public static final int WIDTH = 16;
    public static final int KEY_VALUE_WIDTH = 8;
    public static final int CONTEXT = 96;

    private static final int LAYERS = 2;
    private static final int FEED_FORWARD = 24;

    private TinyModel() {}

    /** Words of the vocabulary: the alphabet as labels, and a few more. */
    static List<String> words() {
        List<String> words = new ArrayList<>(List.of("<unk>", "<s>", "</s>", ":", ".", "True", "False"));
        for (char c = 'A'; c <= 'Z'; c++) {
            words.add(String.valueOf(c));
        }
        words.addAll(List.of("Answer", "Choices", "Select", "one", "two", "three", "word", "which", "red", "green"));
        return words;
    }

    /** The token of a label. */
    static int token(String word) {
        return words().indexOf(word);
    }

    public static void write(Path directory) throws IOException {
        Files.createDirectories(directory);
        List<String> words = words();
        Files.writeString(
                directory.resolve("config.json"), """
                {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": %d, "hidden_size": %d,
                 "num_hidden_layers": %d, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4,
                 "intermediate_size": %d, "max_position_embeddings": %d, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                 "hidden_act": "silu", "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2}
                """.formatted(words.size(), WIDTH, LAYERS, FEED_FORWARD, CONTEXT));
        StringBuilder vocabulary = new StringBuilder();
        for (String word : words) {
            vocabulary
                    .append(vocabulary.length() == 0 ? "" : ", ")
                    .append('"')
                    .append(word)
                    .append("\": ")
                    .append(words.indexOf(word));
        }
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
                 "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
                 "model": {"type": "WordLevel", "vocab": {%s}, "unk_token": "<unk>"}}
                """.formatted(vocabulary));
        Random random = new Random(3);
        SafetensorsWriter writer = new SafetensorsWriter();
        add(writer, random, "model.embed_tokens.weight", words.size(), WIDTH);
        for (int layer = 0; layer < LAYERS; layer++) {
            String prefix = "model.layers." + layer + ".";
            writer.add(prefix + "input_layernorm.weight", ones(), WIDTH);
            writer.add(prefix + "post_attention_layernorm.weight", ones(), WIDTH);
            add(writer, random, prefix + "self_attn.q_proj.weight", WIDTH, WIDTH);
            add(writer, random, prefix + "self_attn.k_proj.weight", KEY_VALUE_WIDTH, WIDTH);
            add(writer, random, prefix + "self_attn.v_proj.weight", KEY_VALUE_WIDTH, WIDTH);
            add(writer, random, prefix + "self_attn.o_proj.weight", WIDTH, WIDTH);
            add(writer, random, prefix + "mlp.gate_proj.weight", FEED_FORWARD, WIDTH);
            add(writer, random, prefix + "mlp.up_proj.weight", FEED_FORWARD, WIDTH);
            add(writer, random, prefix + "mlp.down_proj.weight", WIDTH, FEED_FORWARD);
        }
        writer.add("model.norm.weight", ones(), WIDTH);
        writer.write(directory.resolve("model.safetensors"));
    }

    static float[] gaussian(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (0.4 * random.nextGaussian());
        }
        return values;
    }

    private static void add(SafetensorsWriter writer, Random random, String name, int rows, int columns) {
        writer.add(name, gaussian(random, rows * columns), rows, columns);
    }

    private static float[] ones() {
        float[] ones = new float[WIDTH];
        java.util.Arrays.fill(ones, 1);
        return ones;
    }
}
