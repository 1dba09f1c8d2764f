package io.calibrant.trainer.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.model.ConfigFile;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Adapters as directories of Python's PEFT: {@code adapter_config.json} and {@code adapter_model.safetensors}. Tensors
 * that are no lora_A or lora_B (PEFT also stores lm_head's base weight) are ignored.
 */
public final class Peft {

    private static final String CONFIG = "adapter_config.json";
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.";
    private static final JsonMapper JSON = new JsonMapper();

    private Peft() {}

    /**
     * Reads an adapter.
     *
     * @param config the model it must fit
     * @param classTokens the tokens whose rows of lm_head.lora_B are kept, in their order
     * @throws ModelFileException if a file is missing or damaged, the adapter is of a kind that is not supported, or
     *     does not fit the model; names file, tensor or key, expected and found
     */
    public static Adapter read(Path directory, ModelConfig config, int[] classTokens) {
        LoraSettings settings = PeftConfig.read(directory.resolve(CONFIG));
        Path file = directory.resolve(WEIGHTS);
        if (!Files.isRegularFile(file)) {
            throw new ModelFileException(file + ": no such file (adapters are read from safetensors only)");
        }
        List<LinearShape> linears;
        try {
            linears = settings.targets().select(config);
        } catch (IllegalArgumentException e) {
            throw new ModelFileException(directory.resolve(CONFIG) + ": target_modules: " + e.getMessage(), e);
        }
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            refuseUnselected(file, reader, linears);
            List<LoraMatrices> matrices = new ArrayList<>();
            float[] fullHeadB = null;
            int rank = settings.rank();
            for (LinearShape linear : linears) {
                float[] a = load(reader, key(linear, "lora_A"), rank, linear.inputs());
                float[] b = load(reader, key(linear, "lora_B"), linear.outputs(), rank);
                if (linear.path().equals(ModelConfig.HEAD)) {
                    fullHeadB = b;
                    b = rows(b, classTokens, rank);
                }
                matrices.add(new LoraMatrices(Adapter.trimmed(linear, classTokens.length), rank, a, b));
            }
            return Adapter.of(config, settings, classTokens, matrices, fullHeadB);
        }
    }

    private static String key(LinearShape linear, String matrix) {
        return PREFIX + linear.path() + "." + matrix + ".weight";
    }

    private static float[] load(SafetensorsReader reader, String key, int rows, int columns) {
        reader.entry(key, rows, columns);
        return reader.floats(key);
    }

    /** A LoRA tensor that the targets do not select means that half of the adapter would silently be dropped. */
    private static void refuseUnselected(Path file, SafetensorsReader reader, List<LinearShape> linears) {
        for (String name : reader.names()) {
            if (name.contains(".lora_")
                    && linears.stream()
                            .noneMatch(l -> name.equals(key(l, "lora_A")) || name.equals(key(l, "lora_B")))) {
                throw new ModelFileException(file + ": tensor " + name
                        + ": belongs to no linear map that target_modules of " + CONFIG + " selects in this model");
            }
        }
    }

    private static float[] rows(float[] full, int[] tokens, int rank) {
        float[] picked = new float[tokens.length * rank];
        for (int k = 0; k < tokens.length; k++) {
            if (tokens[k] < 0 || (tokens[k] + 1L) * rank > full.length) {
                throw new IllegalArgumentException("class token " + tokens[k] + " is not in the vocabulary");
            }
            System.arraycopy(full, tokens[k] * rank, picked, k * rank, rank);
        }
        return picked;
    }

    /**
     * Writes an adapter, creating the directory. Rows of lm_head.lora_B that belong to no class token are those that
     * were read, or zero.
     *
     * @param config the model it belongs to
     * @param baseModel what PEFT shall take for the base model, a path or a name; may be empty
     * @throws ModelFileException if it cannot be written
     */
    public static void write(Path directory, Adapter adapter, ModelConfig config, String baseModel) {
        int rank = adapter.settings().rank();
        SafetensorsWriter writer = new SafetensorsWriter();
        for (LoraMatrices m : adapter.matrices().values()) {
            LinearShape linear = m.linear();
            writer.add(key(linear, "lora_A"), m.a(), rank, linear.inputs());
            if (linear.path().equals(ModelConfig.HEAD)) {
                writer.add(key(linear, "lora_B"), fullHeadB(adapter, m, config), config.vocabularySize(), rank);
            } else {
                writer.add(key(linear, "lora_B"), m.b(), linear.outputs(), rank);
            }
        }
        try {
            Files.createDirectories(directory);
            writer.write(directory.resolve(WEIGHTS));
            Files.writeString(
                    directory.resolve(CONFIG),
                    JSON.writerWithDefaultPrettyPrinter()
                                    .writeValueAsString(PeftConfig.describe(adapter.settings(), baseModel))
                            + "\n");
        } catch (IOException e) {
            throw new ModelFileException(directory + ": cannot be written: " + e.getMessage(), e);
        }
    }

    private static float[] fullHeadB(Adapter adapter, LoraMatrices head, ModelConfig config) {
        int rank = adapter.settings().rank();
        float[] full =
                adapter.fullHeadB().map(float[]::clone).orElseGet(() -> new float[config.vocabularySize() * rank]);
        float[] b = head.b();
        int[] tokens = adapter.classTokens();
        for (int k = 0; k < tokens.length; k++) {
            System.arraycopy(b, k * rank, full, tokens[k] * rank, rank);
        }
        return full;
    }

    /** {@code adapter_config.json}. */
    private static final class PeftConfig {

        private final ConfigFile file;
        private final JsonNode root;

        private PeftConfig(ConfigFile file) {
            this.file = file;
            root = file.root();
        }

        static LoraSettings read(Path file) {
            return new PeftConfig(ConfigFile.read(file)).settings();
        }

        private LoraSettings settings() {
            String type = root.path("peft_type").asText("");
            if (!type.equals("LORA")) {
                throw file.refused("peft_type", "LORA", ConfigFile.quoted(type));
            }
            String bias = root.path("bias").asText("none");
            if (!bias.equals("none")) {
                throw file.refused("bias", "none", ConfigFile.quoted(bias));
            }
            for (String key : List.of("use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora")) {
                if (root.path(key).asBoolean(false)) {
                    throw file.refused(key, "false", "true");
                }
            }
            for (String key : List.of(
                    "rank_pattern",
                    "alpha_pattern",
                    "modules_to_save",
                    "layers_to_transform",
                    "layers_pattern",
                    "layer_replication",
                    "exclude_modules",
                    "target_parameters",
                    "trainable_token_indices",
                    "alora_invocation_tokens")) {
                JsonNode node = root.path(key);
                boolean empty = node.isMissingNode() || node.isNull() || (node.isContainerNode() && node.isEmpty());
                if (!empty) {
                    throw file.refused(key, "null or empty", node);
                }
            }
            if (!root.path("lora_alpha").isNumber()) {
                throw file.refused("lora_alpha", "a number", root.path("lora_alpha"));
            }
            try {
                return new LoraSettings(
                        file.integer("r"),
                        root.path("lora_alpha").asDouble(),
                        root.path("lora_dropout").asDouble(0),
                        root.path("use_rslora").asBoolean(false),
                        targets());
            } catch (IllegalArgumentException e) {
                throw file.refused(e);
            }
        }

        private LoraTargets targets() {
            JsonNode node = root.path("target_modules");
            if (node.isTextual()) {
                return new LoraTargets(List.of(), node.asText());
            }
            List<String> names = new ArrayList<>();
            node.forEach(n -> names.add(n.asText()));
            if (!node.isArray() || names.isEmpty()) {
                throw file.refused("target_modules", "a list of names or a regular expression", node);
            }
            return new LoraTargets(names, "");
        }

        static ObjectNode describe(LoraSettings settings, String baseModel) {
            ObjectNode root = JSON.createObjectNode();
            root.put("peft_type", "LORA");
            root.put("task_type", "CAUSAL_LM");
            root.put("base_model_name_or_path", baseModel.isEmpty() ? null : baseModel);
            root.put("r", settings.rank());
            if (settings.alpha() == Math.rint(settings.alpha())) {
                root.put("lora_alpha", (long) settings.alpha());
            } else {
                root.put("lora_alpha", settings.alpha());
            }
            root.put("lora_dropout", settings.dropout());
            root.put("use_rslora", settings.rootScaling());
            LoraTargets targets = settings.targets();
            if (targets.names().isEmpty()) {
                root.put("target_modules", targets.pattern());
            } else {
                targets.names().forEach(root.putArray("target_modules")::add);
            }
            root.put("bias", "none");
            root.put("fan_in_fan_out", false);
            root.put("inference_mode", true);
            root.put("init_lora_weights", true);
            root.putNull("modules_to_save");
            root.put("use_dora", false);
            return root;
        }
    }
}
