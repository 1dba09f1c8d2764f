package io.calibrant.trainer;

import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/**
 * A random Llama of two layers as a Hugging Face directory, so that tests of real parts run everywhere: D 32, 4 heads
 * on 2, F 48, the committed tokenizer of 512 tokens.
 */
public final class TinyDirectory {
    private static final int D = 32;
    private static final int F = 48;
    private static final int VOCABULARY = 512;
    private static final int LAYERS = 2;
    private static final String CONFIG = """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 48,
             "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512,
             "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
             "tie_word_embeddings": false, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
            """;

    private TinyDirectory() {}

    /** Writes config.json, model.safetensors and tokenizer.json; the same seed writes the same bytes. */
    public static Path write(Path directory, long seed) throws IOException {
        Files.createDirectories(directory);
        Files.writeString(directory.resolve("config.json"), CONFIG);
        Files.copy(Path.of("src/test/resources/golden/tokenizer.json"), directory.resolve("tokenizer.json"));
        Random random = new Random(seed);
        SafetensorsWriter writer = new SafetensorsWriter();
        matrix(writer, random, "model.embed_tokens", VOCABULARY, D, 1);
        for (int i = 0; i < LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            matrix(writer, random, layer + "self_attn.q_proj", D, D, 2);
            matrix(writer, random, layer + "self_attn.k_proj", D / 2, D, 2);
            matrix(writer, random, layer + "self_attn.v_proj", D / 2, D, 1);
            matrix(writer, random, layer + "self_attn.o_proj", D, D, 1);
            matrix(writer, random, layer + "mlp.gate_proj", F, D, 1);
            matrix(writer, random, layer + "mlp.up_proj", F, D, 1);
            matrix(writer, random, layer + "mlp.down_proj", D, F, 1);
            norm(writer, layer + "input_layernorm");
            norm(writer, layer + "post_attention_layernorm");
        }
        norm(writer, "model.norm");
        matrix(writer, random, "lm_head", VOCABULARY, D, 2);
        writer.write(directory.resolve("model.safetensors"));
        return directory;
    }

    private static void matrix(
            SafetensorsWriter writer, Random random, String name, int rows, int columns, double gain) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (gain * random.nextGaussian() / Math.sqrt(columns));
        }
        writer.add(name + ".weight", values, rows, columns);
    }

    private static void norm(SafetensorsWriter writer, String name) {
        float[] ones = new float[D];
        java.util.Arrays.fill(ones, 1);
        writer.add(name + ".weight", ones, D);
    }
}
