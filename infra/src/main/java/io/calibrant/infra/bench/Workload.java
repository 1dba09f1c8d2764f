package io.calibrant.infra.bench;

import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What is timed: a model of a shape with random weights, a LoRA adapter that is not zero, and questions of one length.
 */
final class Workload {
    /** The shape of SmolLM-135M. */
    static final ModelConfig SMOLLM_135M =
            ModelConfig.llama(new ModelSizes(49152, 576, 30, 9, 3, 64, 1536, 2048), true);

    private static final int[] CLASS_TOKENS = {330, 389, 340, 422, 414};

    private Workload() {}

    /** Writes a model directory (config.json and float32 weights, no tokenizer). */
    static void writeRandomModel(ModelConfig config, Path directory) throws IOException {
        writeConfig(config, directory);
        SplittableRandom random = new SplittableRandom(0);
        SafetensorsWriter writer = new SafetensorsWriter();
        add(writer, random, "model.embed_tokens.weight", config.vocabularySize(), config.width());
        for (LinearShape linear : config.linears()) {
            if (!linear.path().equals(ModelConfig.HEAD)) {
                add(writer, random, linear.path() + ".weight", linear.outputs(), linear.inputs());
            } else if (!config.architecture().tiedHead()) {
                add(writer, random, "lm_head.weight", linear.outputs(), linear.inputs());
            }
        }
        for (int i = 0; i < config.layers(); i++) {
            ones(writer, "model.layers." + i + ".input_layernorm.weight", config.width());
            ones(writer, "model.layers." + i + ".post_attention_layernorm.weight", config.width());
        }
        ones(writer, "model.norm.weight", config.width());
        writer.write(directory.resolve("model.safetensors"));
    }

    /** Writes config.json alone. */
    static void writeConfig(ModelConfig config, Path directory) throws IOException {
        Files.writeString(directory.resolve("config.json"), """
                {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu",
                 "vocab_size": %d, "hidden_size": %d,
                 "num_hidden_layers": %d, "num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": %d,
                 "intermediate_size": %d,
                 "max_position_embeddings": %d, "rms_norm_eps": %s, "rope_theta": %s, "tie_word_embeddings": %s}
                """.formatted(
                        config.vocabularySize(),
                        config.width(),
                        config.layers(),
                        config.heads(),
                        config.keyValueHeads(),
                        config.headWidth(),
                        config.feedForwardWidth(),
                        config.maxPositions(),
                        config.normEpsilon(),
                        config.attention().get(0).rotary().orElseThrow().theta(),
                        config.architecture().tiedHead()));
    }

    private static void add(SafetensorsWriter writer, SplittableRandom random, String name, int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            // uniform of standard deviation 0.02, the usual initialiser_range
            values[i] = (float) ((random.nextDouble() - 0.5) * 0.02 * Math.sqrt(12));
        }
        writer.add(name, values, rows, columns);
    }

    private static void ones(SafetensorsWriter writer, String name, int width) {
        float[] values = new float[width];
        java.util.Arrays.fill(values, 1);
        writer.add(name, values, width);
    }

    /** LoRA of rank 8 on q_proj and v_proj with B away from zero, so that everything has a gradient. */
    static Adapter adapter(ModelConfig config, int classes) {
        LoraSettings settings = new LoraSettings(8, 16, 0, false, LoraTargets.of("q_proj", "v_proj"));
        SplittableRandom random = new SplittableRandom(1);
        List<LoraMatrices> matrices = new ArrayList<>();
        for (LinearShape linear : settings.targets().select(config)) {
            matrices.add(new LoraMatrices(
                    linear,
                    settings.rank(),
                    uniform(random, settings.rank() * linear.inputs()),
                    uniform(random, linear.outputs() * settings.rank())));
        }
        return Adapter.of(config, settings, classTokens(config, classes), matrices);
    }

    private static int[] classTokens(ModelConfig config, int classes) {
        int[] tokens = new int[classes];
        for (int i = 0; i < classes; i++) {
            tokens[i] = CLASS_TOKENS[i] % config.vocabularySize();
        }
        return tokens;
    }

    private static float[] uniform(SplittableRandom random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) ((random.nextDouble() - 0.5) * 0.07);
        }
        return values;
    }

    /**
     * Labelled questions of random tokens; every fourth one is full length, the next ones 4, 8 and 12 tokens shorter.
     */
    static List<EncodedPrompt> prompts(ModelConfig config, int count, int length, int classes) {
        SplittableRandom random = new SplittableRandom(2);
        List<EncodedPrompt> prompts = new ArrayList<>();
        for (int b = 0; b < count; b++) {
            List<Choice> choices = new ArrayList<>();
            int[] places = new int[classes];
            for (int c = 0; c < classes; c++) {
                choices.add(new Choice(String.valueOf((char) ('A' + c)), "choice"));
                places[c] = c;
            }
            long[] ids = new long[Math.max(2, length - 4 * (b % 4))];
            for (int t = 0; t < ids.length; t++) {
                ids[t] = random.nextLong(3, config.vocabularySize());
            }
            String answer = choices.get(random.nextInt(classes)).label();
            prompts.add(
                    new EncodedPrompt(new Question("bench-" + b, "random tokens", null, choices, answer), ids, places));
        }
        return prompts;
    }
}
