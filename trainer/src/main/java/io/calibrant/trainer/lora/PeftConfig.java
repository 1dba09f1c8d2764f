package io.calibrant.trainer.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.model.ConfigFile;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.safetensors.ModelFileException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** {@code adapter_config.json}. */
final class PeftConfig {
    /** Its name. */
    static final String NAME = "adapter_config.json";

    /** Whether the rows of an adapted weight have lengths of their own. */
    static final String DORA = "use_dora";

    private static final String CAUSAL = "CAUSAL_LM";
    private static final String CLASSIFIER = "SEQ_CLS";

    /** What PEFT names for every sequence classifier to be saved: of the two the model has score. */
    private static final List<String> HEADS = List.of("classifier", ModelConfig.SCORE);

    private static final String INIT = "init_lora_weights";
    private static final String RANKS = "rank_pattern";
    private static final String ALPHAS = "alpha_pattern";
    private static final String MODULES = "modules_to_save";
    private static final String BIAS = "bias";
    private static final String BIASES = "lora_only";

    /** Keys for which not all maps that the targets name are adapted: what the file holds counts. */
    private static final List<String> NARROWING = List.of("exclude_modules", "layers_to_transform", "layers_pattern");

    /** Words for the first weights of an adapter for which PEFT leaves the base model as it is. */
    private static final List<String> BASE_KEPT = List.of("gaussian", "eva", "orthogonal", "mica");

    /** r and alpha where the file has none. */
    private static final int DEFAULT = 8;

    private static final JsonMapper JSON = new JsonMapper();

    private final ConfigFile file;
    private final JsonNode root;

    private PeftConfig(ConfigFile file) {
        this.file = file;
        root = file.root();
    }

    /**
     * Reads the file of an adapter's directory.
     *
     * @throws ModelFileException if it is missing, damaged or of a kind that is not supported
     */
    static PeftConfig read(Path directory) {
        PeftConfig config = new PeftConfig(ConfigFile.read(directory.resolve(NAME)));
        config.check();
        return config;
    }

    private void check() {
        String type = file.text("peft_type").orElse("");
        if (!type.equals("LORA")) {
            throw file.refused("peft_type", "LORA", ConfigFile.quoted(type));
        }
        String task = file.text("task_type").orElse(CAUSAL);
        if (!task.equals(CAUSAL) && !task.equals(CLASSIFIER)) {
            throw file.refused("task_type", CAUSAL + " or " + CLASSIFIER, ConfigFile.quoted(task));
        }
        String bias = file.text(BIAS).orElse("none");
        if (!bias.equals("none") && !bias.equals(BIASES)) {
            throw file.refused(BIAS, "none or " + BIASES, ConfigFile.quoted(bias));
        }
        for (String key : List.of("lora_bias", "use_qalora", "use_bdlora")) {
            if (file.isTrue(key)) {
                throw file.refused(key, "false", "true");
            }
        }
        for (String key : List.of(
                "layer_replication",
                "target_parameters",
                "trainable_token_indices",
                "alora_invocation_tokens",
                "arrow_config",
                "kasa_config",
                "monteclora_config",
                "velora_config")) {
            if (isGiven(key)) {
                throw file.refused(key, "null or empty", root.path(key));
            }
        }
        refuseChangedBase();
    }

    /** Whether a key has a value that is neither null nor empty. */
    private boolean isGiven(String key) {
        JsonNode node = root.path(key);
        return !(node.isMissingNode()
                || node.isNull()
                || (node.isContainerNode() && node.isEmpty())
                || (node.isTextual() && node.textValue().isEmpty()));
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
                            + " unchanged base for pissa, olora, corda and lora_ga; for loftq save the changed base"
                            + " as a model, name it with --model, and set " + INIT + " to true)",
                    init.isTextual() ? ConfigFile.quoted(init.textValue()) : init);
        }
    }

    /**
     * How the adapter is built.
     *
     * @throws ModelFileException naming the key whose value is impossible
     */
    LoraSettings settings() {
        try {
            return new LoraSettings(
                    root.has("r") ? file.integer("r") : DEFAULT,
                    file.number("lora_alpha", DEFAULT),
                    file.number("lora_dropout", 0),
                    file.isTrue("use_rslora"),
                    targets(),
                    patterns());
        } catch (IllegalArgumentException e) {
            throw file.refused(e);
        }
    }

    private LoraPatterns patterns() {
        Map<String, Integer> ranks = new LinkedHashMap<>();
        pattern(RANKS).properties().forEach(each -> {
            JsonNode rank = each.getValue();
            if (!rank.isIntegralNumber() || !rank.canConvertToInt()) {
                throw file.refused(RANKS + " of " + ConfigFile.quoted(each.getKey()), "an integer", rank);
            }
            ranks.put(each.getKey(), rank.asInt());
        });
        Map<String, Double> alphas = new LinkedHashMap<>();
        pattern(ALPHAS)
                .properties()
                .forEach(each -> alphas.put(
                        each.getKey(),
                        file.number(ALPHAS + " of " + ConfigFile.quoted(each.getKey()), each.getValue())));
        return new LoraPatterns(ranks, alphas);
    }

    private ObjectNode pattern(String key) {
        if (!isGiven(key)) {
            return JSON.createObjectNode();
        }
        if (root.path(key) instanceof ObjectNode object) {
            return object;
        }
        throw file.refused(key, "an object of names and numbers", root.path(key));
    }

    private LoraTargets targets() {
        JsonNode node = root.path("target_modules");
        if (node.isTextual()) {
            return LoraTargets.ofText(node.asText());
        }
        List<String> names = texts(node);
        if (names.isEmpty()) {
            throw file.refused("target_modules", "a list of names or a regular expression", node);
        }
        return new LoraTargets(names, "");
    }

    /** The texts of a list; empty where it is something else. */
    private static List<String> texts(JsonNode node) {
        List<String> names = new ArrayList<>();
        boolean texts = node.isArray();
        for (JsonNode name : node) {
            texts &= name.isTextual();
            names.add(name.asText());
        }
        return texts ? names : List.of();
    }

    /** Whether maps that the targets name may be left out. */
    boolean mayLeaveOut() {
        return NARROWING.stream().anyMatch(this::isGiven) || !modulesToSave().isEmpty();
    }

    /** Whether the adapter is that of a sequence classifier. */
    boolean isClassifier() {
        return isClassifier(file);
    }

    static boolean isClassifier(ConfigFile file) {
        return file.text("task_type").orElse("").equals(CLASSIFIER);
    }

    /** Whether the rows of the adapted weights have lengths of their own. */
    boolean isDora() {
        return file.isTrue(DORA);
    }

    /**
     * Names of the modules that were trained whole; of a sequence classifier its head, which is read, is not among
     * them.
     */
    List<String> modulesToSave() {
        if (!isGiven(MODULES)) {
            return List.of();
        }
        List<String> names = texts(root.path(MODULES));
        if (names.isEmpty() || names.contains("")) {
            throw file.refused(MODULES, "a list of names", root.path(MODULES));
        }
        return names.stream()
                .distinct()
                .filter(name -> !(isClassifier() && HEADS.contains(name)))
                .toList();
    }

    /** Whether embedding and head stay one where one of them was trained. */
    boolean keepsTied() {
        return file.isTrue("ensure_weight_tying");
    }

    /** Whether the biases of the adapted maps were trained. */
    boolean trainsBiases() {
        return file.text(BIAS).orElse("").equals(BIASES);
    }

    /** The exception for a value that is not accepted; see {@link ConfigFile#refused(String, String, Object)}. */
    ModelFileException refused(String key, String accepted, String found) {
        return file.refused(key, accepted, ConfigFile.quoted(found));
    }

    /** The exception for targets that this model does not have. */
    ModelFileException refusedTargets(IllegalArgumentException reason) {
        return new ModelFileException(file.path() + ": target_modules: " + reason.getMessage(), reason);
    }

    /** The file of an adapter that is written, in PEFT's words. */
    static String describe(Adapter adapter, String baseModel) throws IOException {
        LoraSettings settings = adapter.settings();
        ObjectNode root = JSON.createObjectNode();
        root.put("peft_type", "LORA");
        boolean classifier = adapter.classifier().isPresent();
        root.put("task_type", classifier ? CLASSIFIER : CAUSAL);
        root.put("base_model_name_or_path", baseModel.isEmpty() ? null : baseModel);
        root.put("r", settings.rank());
        put(root, "lora_alpha", settings.alpha());
        root.put("lora_dropout", settings.dropout());
        root.put("use_rslora", settings.rootScaling());
        LoraTargets targets = settings.targets();
        if (targets.names().isEmpty()) {
            root.put("target_modules", targets.pattern());
        } else {
            targets.names().forEach(root.putArray("target_modules")::add);
        }
        settings.patterns().ranks().forEach(root.putObject(RANKS)::put);
        ObjectNode alphas = root.putObject(ALPHAS);
        settings.patterns().alphas().forEach((key, alpha) -> put(alphas, key, alpha));
        root.put(BIAS, adapter.saved().biases() ? BIASES : "none");
        root.put("fan_in_fan_out", false);
        root.put("inference_mode", true);
        root.put(INIT, true);
        List<String> modules = new ArrayList<>(adapter.saved().modules());
        modules.addAll(classifier ? HEADS : List.of());
        if (modules.isEmpty()) {
            root.putNull(MODULES);
        } else {
            modules.forEach(root.putArray(MODULES)::add);
        }
        root.put(DORA, adapter.isDora());
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    }

    /** Whole numbers as PEFT writes them. */
    private static void put(ObjectNode node, String key, double value) {
        if (value == Math.rint(value)) {
            node.put(key, (long) value);
        } else {
            node.put(key, value);
        }
    }
}
