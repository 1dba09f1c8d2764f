package io.calibrant.trainer.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.files.MissingFile;
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
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Adapters as directories of Python's PEFT: {@code adapter_config.json} and {@code adapter_model.safetensors}. Tensors
 * that are no lora_A or lora_B (PEFT also stores lm_head's base weight) are not read; {@link BaseWeights} checks that
 * they are those of the base model.
 */
public final class Peft {

    private static final String CONFIG = "adapter_config.json";
    /** The file of the weights. */
    static final String WEIGHTS = "adapter_model.safetensors";

    /** What PEFT puts before the name of every module. */
    static final String PREFIX = "base_model.model.";

    private static final String PICKLED = "adapter_model.bin";
    private static final String RUN = "calibrant.run";
    private static final String INIT = "init_lora_weights";

    /** Words for the first weights of an adapter for which PEFT leaves the base model as it is. */
    private static final List<String> BASE_KEPT = List.of("gaussian", "eva", "orthogonal");

    private static final JsonMapper JSON = new JsonMapper();

    private Peft() {}

    /**
     * Reads an adapter.
     *
     * @param config the model it must fit
     * @param classTokens the tokens whose rows of lm_head.lora_B are kept, in their order; of a sequence classifier the
     *     rows of its head, which {@link SequenceClassifier} reads
     * @throws ModelFileException if a file is missing or damaged, the adapter is of a kind that is not supported, or
     *     does not fit the model; names file, tensor or key, expected and found
     */
    public static Adapter read(Path directory, ModelConfig config, int[] classTokens) {
        LoraSettings settings = PeftConfig.read(directory.resolve(CONFIG));
        Path file = directory.resolve(WEIGHTS);
        if (!Files.isRegularFile(file)) {
            throw new ModelFileException(file
                    + (Files.exists(file) ? ": not a file" : ": no such file")
                    + " (adapters are read from safetensors only)" + MissingFile.explain(file));
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
        return reader.finiteFloats(key);
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
        write(directory, adapter, config, baseModel, new SafetensorsWriter());
    }

    /** The same, and says of which run the adapter is; see {@link #runOf}. */
    public static void write(Path directory, Adapter adapter, ModelConfig config, String baseModel, String run) {
        write(directory, adapter, config, baseModel, new SafetensorsWriter().describe(RUN, run));
    }

    private static void write(
            Path directory, Adapter adapter, ModelConfig config, String baseModel, SafetensorsWriter writer) {
        int rank = adapter.settings().rank();
        for (LoraMatrices m : adapter.matrices().values()) {
            LinearShape linear = m.linear();
            writer.add(key(linear, "lora_A"), m.a(), rank, linear.inputs());
            if (linear.path().equals(ModelConfig.HEAD)) {
                writer.add(key(linear, "lora_B"), fullHeadB(adapter, m, config), config.vocabularySize(), rank);
            } else {
                writer.add(key(linear, "lora_B"), m.b(), linear.outputs(), rank);
            }
        }
        adapter.classifier()
                .ifPresent(head -> writer.add(
                        PREFIX + ModelConfig.SCORE + ".weight", head.weight(), head.classes(), head.width()));
        try {
            Files.createDirectories(directory);
            writer.write(directory.resolve(WEIGHTS));
            Files.writeString(
                    directory.resolve(CONFIG),
                    JSON.writerWithDefaultPrettyPrinter()
                                    .writeValueAsString(PeftConfig.describe(
                                            adapter.settings(),
                                            baseModel,
                                            adapter.classifier().isPresent()))
                            + "\n");
        } catch (IOException e) {
            throw new ModelFileException(directory + ": cannot be written: " + e.getMessage(), e);
        }
    }

    /**
     * Whether an adapter is that of a sequence classifier ({@code task_type} SEQ_CLS).
     *
     * @throws ModelFileException if the configuration of the adapter is no JSON object
     */
    public static boolean isClassifier(Path directory) {
        Path file = directory.resolve(CONFIG);
        return Files.exists(file) && PeftConfig.isClassifier(ConfigFile.read(file));
    }

    /** The name of the file with the weights of an adapter that a directory holds; empty where it holds none. */
    public static Optional<String> adapterIn(Path directory) {
        return Stream.of(WEIGHTS, PICKLED)
                .filter(name -> Files.exists(directory.resolve(name)))
                .findFirst();
    }

    /** The run whose trainer wrote the adapter in a directory; empty where another program did, or there is none. */
    public static Optional<String> runOf(Path directory) {
        Path file = directory.resolve(WEIGHTS);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            return Optional.ofNullable(reader.metadata().get(RUN));
        } catch (ModelFileException e) {
            return Optional.empty();
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
        private static final String CAUSAL = "CAUSAL_LM";
        private static final String CLASSIFIER = "SEQ_CLS";
        private static final List<String> HEADS = List.of("classifier", ModelConfig.SCORE);

        private final ConfigFile file;
        private final JsonNode root;

        private PeftConfig(ConfigFile file) {
            this.file = file;
            root = file.root();
        }

        static LoraSettings read(Path file) {
            return new PeftConfig(ConfigFile.read(file)).settings();
        }

        static boolean isClassifier(ConfigFile file) {
            return file.text("task_type").orElse("").equals(CLASSIFIER);
        }

        private LoraSettings settings() {
            String type = file.text("peft_type").orElse("");
            if (!type.equals("LORA")) {
                throw file.refused("peft_type", "LORA", ConfigFile.quoted(type));
            }
            String task = file.text("task_type").orElse(CAUSAL);
            if (!task.equals(CAUSAL) && !task.equals(CLASSIFIER)) {
                throw file.refused("task_type", CAUSAL + " or " + CLASSIFIER, ConfigFile.quoted(task));
            }
            String bias = file.text("bias").orElse("none");
            if (!bias.equals("none")) {
                throw file.refused("bias", "none", ConfigFile.quoted(bias));
            }
            for (String key : List.of("use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora")) {
                if (file.isTrue(key)) {
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
                    "alora_invocation_tokens",
                    "arrow_config",
                    "kasa_config",
                    "monteclora_config",
                    "velora_config")) {
                JsonNode node = root.path(key);
                boolean empty = node.isMissingNode() || node.isNull() || (node.isContainerNode() && node.isEmpty());
                boolean heads = key.equals("modules_to_save") && task.equals(CLASSIFIER) && isHeads(node);
                if (!empty && !heads) {
                    throw file.refused(key, "null or empty", node);
                }
            }
            refuseChangedBase();
            try {
                return new LoraSettings(
                        file.integer("r"),
                        file.number("lora_alpha"),
                        file.number("lora_dropout", 0),
                        file.isTrue("use_rslora"),
                        targets());
            } catch (IllegalArgumentException e) {
                throw file.refused(e);
            }
        }

        /** What PEFT names for every sequence classifier: of the two the model has score. */
        private static boolean isHeads(JsonNode names) {
            boolean heads = true;
            for (JsonNode name : names) {
                heads &= HEADS.contains(name.asText());
            }
            return heads;
        }

        /** For some first weights PEFT takes away from the base what it gives to the adapter, and saves only this. */
        private void refuseChangedBase() {
            JsonNode init = root.path(INIT);
            boolean kept = init.isMissingNode()
                    || init.isNull()
                    || init.isBoolean()
                    || (init.isTextual() && BASE_KEPT.contains(init.textValue().toLowerCase(Locale.ROOT)));
            if (!kept) {
                throw file.refused(
                        INIT,
                        "true, false or one of " + String.join(", ", BASE_KEPT)
                                + " (for others PEFT changes the base model's weights, too: save_pretrained(DIR,"
                                + " path_initial_model_for_weight_conversion=INITIAL) writes an adapter of the"
                                + " unchanged"
                                + " base for pissa, olora, corda and lora_ga; for loftq save the changed base as a"
                                + " model,"
                                + " name it with --model, and set " + INIT + " to true)",
                        init.isTextual() ? ConfigFile.quoted(init.textValue()) : init);
            }
        }

        private LoraTargets targets() {
            JsonNode node = root.path("target_modules");
            if (node.isTextual()) {
                return new LoraTargets(List.of(), node.asText());
            }
            List<String> names = new ArrayList<>();
            boolean texts = node.isArray();
            for (JsonNode name : node) {
                texts &= name.isTextual();
                names.add(name.asText());
            }
            if (!texts || names.isEmpty()) {
                throw file.refused("target_modules", "a list of names or a regular expression", node);
            }
            return new LoraTargets(names, "");
        }

        static ObjectNode describe(LoraSettings settings, String baseModel, boolean classifier) {
            ObjectNode root = JSON.createObjectNode();
            root.put("peft_type", "LORA");
            root.put("task_type", classifier ? CLASSIFIER : CAUSAL);
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
            if (classifier) {
                HEADS.forEach(root.putArray("modules_to_save")::add);
            } else {
                root.putNull("modules_to_save");
            }
            root.put("use_dora", false);
            return root;
        }
    }
}
