package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BiConsumer;

/** Random model directories of any shape, for tests of this and of other packages. */
public final class TinyModel {

    private static final JsonMapper JSON = new JsonMapper();

    private final ObjectNode config = JSON.createObjectNode();

    /** A Llama of 3 layers, grouped queries, heads wider than D / H, untied. */
    public TinyModel() {
        config.putArray("architectures").add("LlamaForCausalLM");
        set("model_type", "llama").set("hidden_act", "silu").set("vocab_size", 37);
        set("hidden_size", 20).set("intermediate_size", 28).set("num_hidden_layers", 3);
        set("num_attention_heads", 4).set("num_key_value_heads", 2).set("head_dim", 6);
        set("max_position_embeddings", 64).set("rms_norm_eps", 1e-5).set("rope_theta", 10000.0);
        set("tie_word_embeddings", false);
    }

    /** Sets a key of config.json; null removes it. */
    public TinyModel set(String key, Object value) {
        if (value == null) {
            config.remove(key);
        } else {
            config.set(key, JSON.valueToTree(value));
        }
        if (key.equals("model_type") && value != null) {
            config.putArray("architectures").add(className(value.toString()));
        }
        return this;
    }

    private static String className(String modelType) {
        return switch (modelType) {
            case "gemma3_text" -> "Gemma3ForCausalLM";
            case "smollm3" -> "SmolLM3ForCausalLM";
            case "seed_oss" -> "SeedOssForCausalLM";
            default -> Character.toUpperCase(modelType.charAt(0)) + modelType.substring(1) + "ForCausalLM";
        };
    }

    /** Writes config.json only. */
    public Path writeConfig(Path directory) {
        try {
            Files.createDirectories(directory);
            Files.writeString(directory.resolve("config.json"), config.toPrettyString());
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes config.json and model.safetensors with weights drawn from {@code seed}. */
    public Path write(Path directory, long seed) {
        writeConfig(directory);
        ModelConfig read = ModelConfig.read(directory);
        Random random = new Random(seed);
        SafetensorsWriter writer = new SafetensorsWriter();
        shapes(read).forEach((name, shape) -> {
            long size = 1;
            for (long dimension : shape) {
                size *= dimension;
            }
            float[] values = new float[(int) size];
            boolean norm = name.contains("norm");
            double mean = norm && !read.architecture().norms().aroundOne() ? 1 : 0;
            double width = norm || name.endsWith(".bias") ? 0.3 : 1.2 / Math.sqrt((double) shape[shape.length - 1]);
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (mean + width * random.nextGaussian());
            }
            writer.add(name, values, shape);
        });
        try {
            writer.write(directory.resolve("model.safetensors"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return directory;
    }

    /** Copies a model with every number rounded to a type; the file is of float32 as before. */
    public static Path rounded(Path model, Path directory, BaseType type) {
        SafetensorsWriter writer = changed(model, (name, values) -> {
            for (int i = 0; i < values.length; i++) {
                values[i] = type.elementType().nearest(values[i]);
            }
        });
        try {
            Files.createDirectories(directory);
            Files.copy(model.resolve("config.json"), directory.resolve("config.json"));
            writer.write(directory.resolve("model.safetensors"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return directory;
    }

    /** The tensors of a model, to be written again, with some numbers changed in place. */
    static SafetensorsWriter changed(Path model, BiConsumer<String, float[]> change) {
        SafetensorsWriter writer = new SafetensorsWriter();
        try (SafetensorsReader reader = SafetensorsReader.open(model)) {
            for (String name : reader.names()) {
                float[] values = reader.floats(name);
                change.accept(name, values);
                writer.add(
                        name,
                        values,
                        reader.entry(name).shape().stream()
                                .mapToLong(Long::longValue)
                                .toArray());
            }
        }
        return writer;
    }

    private static Map<String, long[]> shapes(ModelConfig c) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put("model.embed_tokens.weight", new long[] {c.vocabularySize(), c.width()});
        for (LinearShape l : c.linears()) {
            if (l.path().equals(ModelConfig.HEAD) && c.architecture().tiedHead()) {
                continue;
            }
            shapes.put(l.path() + ".weight", new long[] {l.outputs(), l.inputs()});
            String name = l.path().substring(l.path().lastIndexOf('.') + 1);
            boolean bias = switch (name) {
                case "q_proj", "k_proj", "v_proj", "qkv_proj" ->
                    c.architecture().biases().queryKeyValue();
                case "o_proj" -> c.architecture().biases().attentionOutput();
                case "gate_proj", "up_proj", "gate_up_proj", "down_proj" ->
                    c.architecture().biases().feedForward();
                default -> false;
            };
            if (bias) {
                shapes.put(l.path() + ".bias", new long[] {l.outputs()});
            }
        }
        for (int i = 0; i < c.layers(); i++) {
            for (String norm : normNames(c)) {
                shapes.put("model.layers." + i + "." + norm + ".weight", new long[] {c.width()});
            }
            long queries = 0;
            long keys = 0;
            switch (c.architecture().norms().queryKey()) {
                case NONE -> {}
                case EACH_HEAD -> {
                    queries = c.headWidth();
                    keys = c.headWidth();
                }
                case ALL_HEADS -> {
                    queries = (long) c.heads() * c.headWidth();
                    keys = (long) c.keyValueHeads() * c.headWidth();
                }
            }
            if (queries > 0) {
                shapes.put("model.layers." + i + ".self_attn.q_norm.weight", new long[] {queries});
                shapes.put("model.layers." + i + ".self_attn.k_norm.weight", new long[] {keys});
            }
        }
        shapes.put("model.norm.weight", new long[] {c.width()});
        return shapes;
    }

    private static List<String> normNames(ModelConfig c) {
        return switch (c.architecture().norms().places()) {
            case BEFORE -> List.of("input_layernorm", "post_attention_layernorm");
            case AFTER -> List.of("post_attention_layernorm", "post_feedforward_layernorm");
            case AROUND ->
                List.of(
                        "input_layernorm",
                        "post_attention_layernorm",
                        "pre_feedforward_layernorm",
                        "post_feedforward_layernorm");
        };
    }
}
