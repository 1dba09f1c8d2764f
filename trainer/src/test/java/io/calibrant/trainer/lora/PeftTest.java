package io.calibrant.trainer.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TinyModel;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PeftTest {

    private static final JsonMapper JSON = new JsonMapper();
    private static final int[] CLASSES = {30, 4};

    @TempDir
    Path directory;

    private ModelConfig config;
    private Path file;

    @BeforeEach
    void read() {
        config = ModelConfig.read(new TinyModel().writeConfig(directory));
        file = directory.resolve("adapter_model.safetensors");
    }

    private static float[] random(int size) {
        Random random = new Random(size);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = random.nextFloat();
        }
        return values;
    }

    /** An adapter as PEFT stores one: q of layer 1 and the head, rank 2, with the head's base weight beside it. */
    private void store(Map<String, Object> keys, SafetensorsWriter writer) throws IOException {
        ObjectNode root = JSON.createObjectNode();
        root.put("peft_type", "LORA")
                .put("r", 2)
                .put("lora_alpha", 6)
                .put("lora_dropout", 0.1)
                .put("bias", "none");
        root.putArray("target_modules").add("lm_head").add("layers.1.self_attn.q_proj");
        root.putNull("modules_to_save").putObject("rank_pattern");
        root.put("a_key_of_tomorrow", true);
        keys.forEach((key, value) -> root.set(key, JSON.valueToTree(value)));
        Files.writeString(directory.resolve("adapter_config.json"), root.toString());
        writer.write(file);
    }

    private static SafetensorsWriter weights() {
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        String head = "base_model.model.lm_head.";
        return new SafetensorsWriter()
                .add(q + "lora_A.weight", random(40), 2, 20)
                .add(q + "lora_B.weight", random(48), 24, 2)
                .add(head + "lora_A.weight", random(40), 2, 20)
                .add(head + "lora_B.weight", random(74), 37, 2)
                .add(head + "base_layer.weight", random(740), 37, 20);
    }

    @Test
    void shouldReadWhatPeftStores() throws IOException {
        store(Map.of(), weights());
        Adapter adapter = Peft.read(directory, config, CLASSES);
        assertThat(adapter.settings())
                .isEqualTo(new LoraSettings(2, 6, 0.1, false, LoraTargets.of("lm_head", "layers.1.self_attn.q_proj")));
        assertThat(adapter.matrices()).containsOnlyKeys("model.layers.1.self_attn.q_proj", "lm_head");
        LoraMatrices q = adapter.matrices().get("model.layers.1.self_attn.q_proj");
        assertThat(q.a()).containsExactly(random(40));
        assertThat(q.b()).containsExactly(random(48));
        float[] full = random(74);
        assertThat(adapter.matrices().get("lm_head").b()).containsExactly(full[60], full[61], full[8], full[9]);
    }

    @Test
    void shouldReadPatternsAndTheOtherScaling() throws IOException {
        store(Map.of("target_modules", ".*1\\.self_attn\\.q_proj|lm_head", "use_rslora", true), weights());
        Adapter adapter = Peft.read(directory, config, CLASSES);
        assertThat(adapter.matrices()).containsOnlyKeys("model.layers.1.self_attn.q_proj", "lm_head");
        assertThat(adapter.settings().scaling()).isEqualTo(6 / Math.sqrt(2));
    }

    @Test
    void shouldWriteBackWhatItReadAndKeepTheUntouchedRowsOfTheHead() throws IOException {
        store(Map.of(), weights());
        Path copy = directory.resolve("deep/copy");
        Peft.write(copy, Peft.read(directory, config, CLASSES), config, "the/base");
        try (SafetensorsReader reader = SafetensorsReader.open(copy.resolve("adapter_model.safetensors"))) {
            assertThat(reader.floats("base_model.model.lm_head.lora_B.weight")).containsExactly(random(74));
            assertThat(reader.floats("base_model.model.lm_head.lora_A.weight")).containsExactly(random(40));
            assertThat(reader.names()).hasSize(4);
        }
        JsonNode root = JSON.readTree(copy.resolve("adapter_config.json").toFile());
        assertThat(root.path("peft_type").asText()).isEqualTo("LORA");
        assertThat(root.path("task_type").asText()).isEqualTo("CAUSAL_LM");
        assertThat(root.path("base_model_name_or_path").asText()).isEqualTo("the/base");
        assertThat(root.path("lora_alpha").isIntegralNumber()).isTrue();
        Adapter again = Peft.read(copy, config, CLASSES);
        assertThat(again.settings())
                .isEqualTo(Peft.read(directory, config, CLASSES).settings());
    }

    @Test
    void shouldWriteZerosForRowsThatWereNeverTrained() {
        LoraSettings settings = new LoraSettings(2, 1.5, 0, false, LoraTargets.of("lm_head"));
        LoraMatrices head = new LoraMatrices(
                new io.calibrant.trainer.model.LinearShape("lm_head", 20, 2), 2, random(40), new float[] {1, 2, 3, 4});
        Peft.write(directory, Adapter.of(config, settings, CLASSES, List.of(head)), config, "");
        float[] expected = new float[74];
        expected[60] = 1;
        expected[61] = 2;
        expected[8] = 3;
        expected[9] = 4;
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            assertThat(reader.floats("base_model.model.lm_head.lora_B.weight")).containsExactly(expected);
        }
        assertThat(Peft.read(directory, config, CLASSES)
                        .matrices()
                        .get("lm_head")
                        .b())
                .containsExactly(1, 2, 3, 4);
    }

    @Test
    void shouldRefuseKindsThatAreNotSupportedByName() throws IOException {
        assertRefused(Map.of("peft_type", "IA3"), "peft_type", "'IA3'", "LORA");
        assertRefused(Map.of("bias", "all"), "bias", "'all'", "none or lora_only");
        assertRefused(Map.of("use_dora", true), "use_dora");
        assertRefused(Map.of("rank_pattern", Map.of("q_proj", 4)), "rank_pattern", "q_proj");
        assertRefused(Map.of("rank_pattern", Map.of("q_proj", 0)), "rank_pattern of 'q_proj' must be 1 or more");
        assertRefused(Map.of("rank_pattern", Map.of("q_proj", 2.5)), "rank_pattern of 'q_proj' must be an integer");
        assertRefused(Map.of("rank_pattern", List.of(4)), "rank_pattern must be an object");
        assertRefused(Map.of("rank_pattern", Map.of("q_(proj", 2)), "regular expression", "q_(proj");
        assertRefused(Map.of("alpha_pattern", Map.of("q_proj", "4")), "alpha_pattern of 'q_proj'", "a number");
        assertRefused(Map.of("alpha_pattern", Map.of("q_proj", -4)), "alpha_pattern of 'q_proj' must be above 0");
        assertRefused(Map.of("modules_to_save", "embed_tokens"), "modules_to_save must be a list of names");
        assertRefused(Map.of("layer_replication", List.of(1)), "layer_replication");
        assertRefused(Map.of("target_modules", List.of("c_attn")), "target_modules", "'c_attn'", "q_proj");
        assertRefused(Map.of("target_modules", List.of()), "target_modules");
        for (String init : List.of("pissa", "pissa_niter_16", "olora", "corda", "loftq", "lora_ga", "of tomorrow")) {
            assertRefused(
                    Map.of("init_lora_weights", init),
                    "init_lora_weights must be true, false",
                    "path_initial_model_for_weight_conversion",
                    "got '" + init + "'");
        }
        assertRefused(Map.of("init_lora_weights", 1), "init_lora_weights", "got 1");
        assertRefused(Map.of("task_type", "TOKEN_CLS"), "task_type must be CAUSAL_LM or SEQ_CLS", "'TOKEN_CLS'");
        assertRefused(Map.of("lora_dropout", "0.05x"), "lora_dropout must be a number, got \"0.05x\"");
        assertRefused(Map.of("lora_alpha", "16"), "lora_alpha must be a number");
        assertRefused(Map.of("use_rslora", "yes"), "use_rslora must be true or false, got \"yes\"");
        assertRefused(Map.of("use_dora", "yes"), "use_dora must be true or false");
        assertRefused(Map.of("target_modules", List.of("lm_head", 1)), "target_modules must be a list of names");
        assertRefused(Map.of("kasa_config", Map.of("beta", 1)), "kasa_config");
        assertRefused(Map.of("r", 1L << 33), "r must be an integer of 32 bits");
        assertRefused(Map.of("r", "eight"), "r must be an integer", "eight");
        assertRefused(Map.of("r", 0), "rank must be 1 or more, got 0");
    }

    /** Keys at values that PEFT writes or takes, and that change nothing here. */
    @Test
    void shouldReadWhatPeftTakesForAnyOfItsKeys() throws IOException {
        LoraSettings plain = settings(Map.of());
        for (Map<String, Object> keys : List.<Map<String, Object>>of(
                Map.of("fan_in_fan_out", true), // PEFT: of torch.nn.Linear it is false, whatever is said
                Map.of("lora_alpha", 6.0),
                Map.of("megatron_core", "megatron.core", "layers_pattern", "", "exclude_modules", ""),
                Map.of("layers_pattern", List.of(), "layers_to_transform", List.of(), "alpha_pattern", Map.of()),
                Map.of("trainable_token_indices", List.of(), "target_parameters", List.of()),
                Map.of("loftq_config", Map.of(), "eva_config", Map.of("rho", 2.0), "corda_config", Map.of()),
                Map.of("init_lora_weights", "eva"),
                Map.of("init_lora_weights", "gaussian"),
                Map.of("init_lora_weights", false),
                Map.of("runtime_config", Map.of("ephemeral_gpu_offload", false), "qalora_group_size", 16))) {
            assertThat(settings(keys)).as(keys.toString()).isEqualTo(plain);
        }
        assertThat(settings(Map.of("lora_alpha", 2.5)).scaling()).isEqualTo(1.25);
        assertThat(settings(Map.of("lora_alpha", 2.5, "use_rslora", true)).scaling())
                .isEqualTo(2.5 / Math.sqrt(2));
        assertRefused(Map.of("lora_alpha", 0), "LoRA alpha must be above 0 and finite, got 0");
        assertRefused(Map.of("trainable_token_indices", List.of(3)), "trainable_token_indices", "got [3]");
        assertRefused(Map.of("trainable_token_indices", Map.of("embed_tokens", List.of(3))), "trainable_token_indices");
        assertRefused(Map.of("target_parameters", List.of("mlp.experts.gate_up_proj")), "target_parameters");
        assertRefused(Map.of("lora_bias", true), "lora_bias must be false, got true");
        assertRefused(Map.of("alora_invocation_tokens", List.of(5, 6)), "alora_invocation_tokens", "got [5,6]");
        assertRefused(Map.of("arrow_config", Map.of("top_k", 2)), "arrow_config");
        assertRefused(Map.of("use_bdlora", Map.of("nblocks", 2)), "use_bdlora");
        assertRefused(Map.of("use_qalora", true), "use_qalora must be false, got true");
    }

    @Test
    void shouldTakeTargetsAsOneRegularExpressionOfPython() throws IOException {
        for (String targets : List.of(
                ".*\\.1\\.self_attn\\.q_proj|lm_head",
                "(?P<path>model\\.layers\\.1\\.self_attn\\.(q|c)_proj)|lm_head",
                "^(?:model\\.layers\\.(?:1)\\..*q_proj|lm_head)$")) {
            store(Map.of("target_modules", targets), weights());
            assertThat(Peft.read(directory, config, CLASSES).matrices())
                    .as(targets)
                    .containsOnlyKeys("model.layers.1.self_attn.q_proj", "lm_head");
        }
        // re.fullmatch: the end of a path is not enough
        assertRefused(Map.of("target_modules", "q_proj|lm"), "target_modules", "must match a linear map");
        assertRefused(Map.of("target_modules", "(q_proj"), "regular expression", "'(q_proj'");
    }

    @Test
    void shouldTakeAllLinearMapsInAnyCaseOfItsName() throws IOException {
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        store(
                Map.of("target_modules", "All-Linear", "layers_to_transform", List.of(1), "r", 2),
                new SafetensorsWriter()
                        .add(q + "lora_A.weight", random(40), 2, 20)
                        .add(q + "lora_B.weight", random(48), 24, 2));
        assertThat(Peft.read(directory, config, CLASSES).matrices())
                .containsOnlyKeys("model.layers.1.self_attn.q_proj");
    }

    @Test
    void shouldAssumeWhatPeftAssumesOfRankAndAlpha() throws IOException {
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        Files.writeString(
                directory.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"target_modules\": [\"layers.1.self_attn.q_proj\"]}");
        new SafetensorsWriter()
                .add(q + "lora_A.weight", random(160), 8, 20)
                .add(q + "lora_B.weight", random(192), 24, 8)
                .write(file);
        assertThat(Peft.read(directory, config, CLASSES).settings())
                .isEqualTo(new LoraSettings(8, 8, 0, false, LoraTargets.of("layers.1.self_attn.q_proj")));
    }

    /** PEFT can adapt embeddings, and does so for a tied head with ensure_weight_tying. */
    @Test
    void shouldRefuseLoraOfAnEmbeddingByName() throws IOException {
        String embedding = "base_model.model.model.embed_tokens.lora_embedding_";
        store(
                Map.of("target_modules", List.of("layers.1.self_attn.q_proj", "model.embed_tokens")),
                weights().add(embedding + "A", random(74), 2, 37).add(embedding + "B", random(40), 20, 2));
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .isInstanceOf(ModelFileException.class)
                .hasMessage(file + ": tensor " + embedding + "A: expected LoRA of a linear map, found that of an"
                        + " embedding, which is not supported (modules_to_save embed_tokens is)");
    }

    private LoraSettings settings(Map<String, Object> keys) throws IOException {
        store(keys, weights());
        return Peft.read(directory, config, CLASSES).settings();
    }

    private void assertRefused(Map<String, Object> keys, String... parts) throws IOException {
        store(keys, weights());
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContaining("adapter_config.json")
                .hasMessageContainingAll(parts);
    }

    @Test
    void shouldNameTensorExpectedAndFoundWhereShapesDoNotFit() throws IOException {
        store(Map.of("r", 4), weights());
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .isInstanceOf(ModelFileException.class)
                .hasMessage(file + ": tensor base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight: expected"
                        + " shape 4x20, found 2x20");
    }

    @Test
    void shouldRefuseHalfAnAdapter() throws IOException {
        store(Map.of("target_modules", List.of("lm_head", "layers.1.self_attn.q_proj", "k_proj")), weights());
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll("no tensor", "model.layers.0.self_attn.k_proj.lora_A");
        store(Map.of("target_modules", List.of("lm_head")), weights());
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll("layers.1.self_attn.q_proj", "target_modules");
    }

    @Test
    void shouldReadRanksAndAlphasOfSingleMaps() throws IOException {
        LoraPatterns patterns = new LoraPatterns(Map.of("lm_head", 3), Map.of("^model.*q_proj", 5.0));
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        store(
                Map.of("rank_pattern", patterns.ranks(), "alpha_pattern", patterns.alphas()),
                new SafetensorsWriter()
                        .add(q + "lora_A.default.weight", random(40), 2, 20)
                        .add(q + "lora_B.default.weight", random(48), 24, 2)
                        .add("base_model.model.lm_head.lora_A.weight", random(60), 3, 20)
                        .add("base_model.model.lm_head.lora_B.weight", random(111), 37, 3));
        Adapter adapter = Peft.read(directory, config, CLASSES);
        assertThat(adapter.settings().patterns()).isEqualTo(patterns);
        assertThat(adapter.settings().scaling("model.layers.1.self_attn.q_proj"))
                .isEqualTo(2.5);
        assertThat(adapter.settings().scaling("lm_head")).isEqualTo(2);
        assertThat(adapter.settings().scaling()).isEqualTo(3);
        assertThat(adapter.matrices().get("lm_head").b()).hasSize(6);
        Path copy = directory.resolve("copy");
        Peft.write(copy, adapter, config, "");
        assertThat(Peft.read(copy, config, CLASSES).settings()).isEqualTo(adapter.settings());
    }

    @Test
    void shouldTakeWhatTheFileHoldsWhereTargetsAreLeftOut() throws IOException {
        List<String> targets = List.of("lm_head", "q_proj");
        for (Map<String, Object> narrowed : List.<Map<String, Object>>of(
                Map.of("target_modules", targets, "layers_to_transform", 1),
                Map.of("target_modules", targets, "layers_to_transform", List.of(1), "layers_pattern", "layers"),
                Map.of("target_modules", targets, "exclude_modules", "model.layers.[02].*"))) {
            store(narrowed, weights());
            Adapter adapter = Peft.read(directory, config, CLASSES);
            assertThat(adapter.settings().targets())
                    .isEqualTo(LoraTargets.of("model.layers.1.self_attn.q_proj", "lm_head"));
        }
        store(
                Map.of("target_modules", List.of("k_proj"), "exclude_modules", List.of("q_proj")),
                new SafetensorsWriter());
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES)).hasMessageContaining("no tensor of any map");
    }

    @Test
    void shouldPassOverNamesThatTheModelDoesNotHave() throws IOException {
        store(Map.of("target_modules", List.of("c_attn", "lm_head", "layers.1.self_attn.q_proj", "score")), weights());
        Adapter adapter = Peft.read(directory, config, CLASSES);
        assertThat(adapter.settings().targets()).isEqualTo(LoraTargets.of("lm_head", "layers.1.self_attn.q_proj"));
        assertThat(adapter.matrices()).containsOnlyKeys("model.layers.1.self_attn.q_proj", "lm_head");
    }

    @Test
    void shouldKnowThatAClassifierHasNoHeadOverTheVocabulary() throws IOException {
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        SafetensorsWriter own = new SafetensorsWriter()
                .add(q + "lora_A.weight", random(40), 2, 20)
                .add(q + "lora_B.weight", random(48), 24, 2);
        for (Object targets :
                List.of(List.of("lm_head", "layers.1.self_attn.q_proj"), ".*1.self_attn.q_proj|lm_head")) {
            store(Map.of("task_type", "SEQ_CLS", "target_modules", targets), own);
            assertThat(Peft.read(directory, config, CLASSES).matrices())
                    .containsOnlyKeys("model.layers.1.self_attn.q_proj");
        }
        store(Map.of("task_type", "SEQ_CLS"), weights());
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES)).hasMessageContaining("lm_head.lora_A");
    }

    @Test
    void shouldRefuseTwoAdaptersInOneFileAndMagnitudesOfNoDora() throws IOException {
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        store(Map.of(), weights().add(q + "lora_A.other.weight", random(40), 2, 20));
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .hasMessageContainingAll("lora_A.weight", "lora_A.other.weight", "expected one adapter, found several");
        store(Map.of(), weights().add(q + "lora_magnitude_vector", random(24), 24));
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .hasMessageContainingAll("lora_magnitude_vector", "use_dora", "must be true");
        store(Map.of("use_dora", true), weights().add(q + "lora_magnitude_vector", random(24), 24));
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .hasMessageContainingAll("no tensor base_model.model.lm_head.lora_magnitude_vector", "use_dora");
    }

    @Test
    void shouldKeepTheMagnitudesOfTheHeadsOtherRows() throws IOException {
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        String head = "base_model.model.lm_head.";
        for (String form : List.of("", ".weight", ".default", ".default.weight")) {
            store(
                    Map.of("use_dora", true),
                    weights()
                            .add(q + "lora_magnitude_vector" + form, random(24), 24)
                            .add(head + "lora_magnitude_vector" + form, random(37), 37));
            Adapter adapter = Peft.read(directory, config, CLASSES);
            assertThat(adapter.isDora()).isTrue();
            float[] all = random(37);
            assertThat(adapter.matrices().get("lm_head").magnitude().orElseThrow())
                    .containsExactly(all[30], all[4]);
            Path copy = directory.resolve("copy");
            Peft.write(copy, adapter, config, "");
            try (SafetensorsReader reader = SafetensorsReader.open(copy.resolve("adapter_model.safetensors"))) {
                assertThat(reader.floats(head + "lora_magnitude_vector")).containsExactly(all);
                assertThat(reader.floats(q + "lora_magnitude_vector")).containsExactly(random(24));
            }
        }
    }

    @Test
    void shouldTakeModulesThatWereTrainedWhole() throws IOException {
        Path base = new TinyModel().write(directory.resolve("base"), 3);
        String head = "base_model.model.lm_head.";
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        for (String form : List.of("weight", "modules_to_save.weight", "modules_to_save.default.weight")) {
            store(
                    Map.of("modules_to_save", List.of("lm_head")),
                    new SafetensorsWriter()
                            .add(q + "lora_A.weight", random(40), 2, 20)
                            .add(q + "lora_B.weight", random(48), 24, 2)
                            .add(head + form, random(740), 37, 20));
            BaseWeights.requireUnchanged(directory, Peft.saved(directory), base);
            SavedModules saved = Peft.read(directory, config, CLASSES).saved();
            assertThat(saved.weights().tensors()).isEqualTo(Map.of("lm_head.weight", head + form));
            assertThat(saved.weights()).isEqualTo(Peft.saved(directory).weights());
            assertThat(saved.weights().changes()).matches("replaced weights sha256:[0-9a-f]{64}");
        }
        store(
                Map.of("modules_to_save", List.of("lm_head")),
                new SafetensorsWriter().add(head + "modules_to_save.default.weight", random(760), 38, 20));
        assertChanged(base, "lm_head", "where the base model's is 37x20");
        store(
                Map.of("modules_to_save", List.of("lm_head")),
                new SafetensorsWriter()
                        .add(head + "original_module.weight", random(740), 37, 20)
                        .add(head + "modules_to_save.default.weight", random(740), 37, 20));
        assertChanged(base, "original_module.weight", "differs");
        Path other = new TinyModel().write(directory.resolve("other"), 4);
        assertThat(Peft.saved(directory).weights().isEmpty()).isFalse();
        assertThatThrownBy(() -> BaseWeights.requireUnchanged(directory, Peft.saved(directory), other))
                .hasMessageContaining("original_module");
    }

    /** PEFT passes over a name that the model lacks, here as in target_modules. */
    @Test
    void shouldPassOverModulesToSaveThatTheModelLacks() throws IOException {
        Path base = new TinyModel().write(directory.resolve("base"), 3);
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        SafetensorsWriter written = new SafetensorsWriter()
                .add(q + "lora_A.weight", random(40), 2, 20)
                .add(q + "lora_B.weight", random(48), 24, 2)
                .add("base_model.model.lm_head.weight", random(740), 37, 20);
        store(Map.of("modules_to_save", List.of("classifier", "lm_head", "wte")), written);
        SavedModules saved = Peft.read(directory, config, CLASSES).saved();
        BaseWeights.requireUnchanged(directory, saved, base);
        assertThat(saved.modules()).containsExactly("lm_head");
        store(Map.of("modules_to_save", List.of("lm_head", "layers.1.mlp")), written);
        assertThatThrownBy(() -> BaseWeights.requireUnchanged(directory, Peft.saved(directory), base))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll("adapter_config.json: modules_to_save must be", "got 'layers.1.mlp'");
    }

    @Test
    void shouldAskForTheWeightsOfATiedHeadThatWasTrained() throws IOException {
        Path base = new TinyModel().set("tie_word_embeddings", true).write(directory.resolve("base"), 3);
        for (String task : List.of("CAUSAL_LM", "SEQ_CLS")) {
            String q = "base_model.model.model.layers.1.self_attn.q_proj.";
            SafetensorsWriter written = new SafetensorsWriter()
                    .add(q + "lora_A.weight", random(40), 2, 20)
                    .add(q + "lora_B.weight", random(48), 24, 2);
            store(Map.of("task_type", task, "modules_to_save", List.of("lm_head")), written);
            SavedModules saved = Peft.saved(directory);
            if (task.equals("SEQ_CLS")) { // has no head over the vocabulary
                BaseWeights.requireUnchanged(directory, saved, base);
            } else {
                assertThatThrownBy(() -> BaseWeights.requireUnchanged(directory, saved, base))
                        .hasMessageContaining("got 'lm_head'");
            }
        }
    }

    /** PEFT compares ends of paths, not words: LongLoRA's {@code norm} means three norms a layer and the last one. */
    @Test
    void shouldTakeEveryModuleWhosePathEndsInAName() throws IOException {
        Path base = new TinyModel().write(directory.resolve("base"), 3);
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        List<String> trained = List.of(
                "model.norm.weight",
                "model.layers.1.input_layernorm.weight",
                "model.layers.0.post_attention_layernorm.weight",
                "model.layers.2.mlp.up_proj.weight");
        SafetensorsWriter file = new SafetensorsWriter()
                .add(q + "lora_A.weight", random(40), 2, 20)
                .add(q + "lora_B.weight", random(48), 24, 2);
        try (SafetensorsReader reader = SafetensorsReader.open(base)) {
            for (String name : trained) {
                float[] values = reader.floats(name);
                values[3] += 1;
                file.add(
                        "base_model.model." + name,
                        values,
                        reader.entry(name).shape().stream()
                                .mapToLong(Long::longValue)
                                .toArray());
            }
        }
        store(Map.of("modules_to_save", List.of("norm", "mlp")), file);

        Adapter adapter = Peft.read(directory, config, CLASSES);
        BaseWeights.requireUnchanged(directory, adapter.saved(), base);

        assertThat(adapter.saved().weights().tensors()).containsOnlyKeys(trained);
        Path copy = directory.resolve("copy");
        Peft.write(copy, adapter, config, "");
        assertThat(Peft.saved(copy).weights().tensors())
                .isEqualTo(adapter.saved().weights().tensors());
        store(Map.of("modules_to_save", List.of("norm", "mlp", "self_attn.o_proj")), file);
        SavedModules more = Peft.read(directory, config, CLASSES).saved();
        assertThatThrownBy(() -> BaseWeights.requireUnchanged(directory, more, base))
                .hasMessageContaining("'self_attn.o_proj'");
    }

    @Test
    void shouldReplaceBothOfAPairThatWasTrainedAsOne() throws IOException {
        Path base = new TinyModel().write(directory.resolve("base"), 3);
        String q = "base_model.model.model.layers.1.self_attn.q_proj.";
        SafetensorsWriter file = new SafetensorsWriter()
                .add(q + "lora_A.weight", random(40), 2, 20)
                .add(q + "lora_B.weight", random(48), 24, 2)
                .add("base_model.model.lm_head.weight", random(740), 37, 20)
                .add("base_model.model.model.embed_tokens.weight", random(740), 37, 20);
        store(Map.of("modules_to_save", List.of("embed_tokens")), file);
        SavedModules one = Peft.saved(directory);
        assertThatThrownBy(() -> BaseWeights.requireUnchanged(directory, one, base))
                .hasMessageContaining("lm_head");

        store(Map.of("modules_to_save", List.of("embed_tokens"), "ensure_weight_tying", true), file);
        Adapter adapter = Peft.read(directory, config, CLASSES);
        BaseWeights.requireUnchanged(directory, adapter.saved(), base);

        assertThat(adapter.saved().weights().tensors()).containsOnlyKeys("lm_head.weight", "model.embed_tokens.weight");
        Path copy = directory.resolve("copy");
        Peft.write(copy, adapter, config, "");
        assertThat(JSON.readTree(copy.resolve("adapter_config.json").toFile()).path("modules_to_save"))
                .map(JsonNode::asText)
                .containsExactly("embed_tokens", "lm_head");
    }

    @Test
    void shouldRefuseMissingFiles() throws IOException {
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll("adapter_config.json", "no such file");
        store(Map.of(), weights());
        Files.delete(file);
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll("adapter_model.safetensors", "no such file");
    }

    @Test
    void shouldReadFirstWeightsThatLeaveTheBaseAsItIs() throws IOException {
        for (Object init : List.of(true, false, "gaussian", "eva", "orthogonal", "mica")) {
            store(Map.of("init_lora_weights", init), weights());
            assertThat(Peft.read(directory, config, CLASSES).matrices()).hasSize(2);
        }
    }

    @Test
    void shouldNameTheTensorOfANumberThatIsNotFinite() throws IOException {
        float[] b = random(48);
        b[7] = Float.NaN;
        store(
                Map.of("target_modules", List.of("layers.1.self_attn.q_proj")),
                new SafetensorsWriter()
                        .add("base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight", random(40), 2, 20)
                        .add("base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight", b, 24, 2));
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContaining(
                        "q_proj.lora_B.weight: every number must be finite in float32, got NaN at element 7");
    }

    @Test
    void shouldTakeWeightsThatAreNotLoraForTheBasesOwnOnly() throws IOException {
        Path base = new TinyModel().write(directory.resolve("base"), 3);
        float[] head;
        try (SafetensorsReader reader = SafetensorsReader.open(base)) {
            head = reader.floats("lm_head.weight");
        }
        String name = "base_model.model.lm_head.";
        store(Map.of(), new SafetensorsWriter().add(name + "base_layer.weight", head, 37, 20));
        BaseWeights.requireUnchanged(directory, Peft.saved(directory), base);
        for (int bits : new int[] {16, 13}) { // cast to BF16 or F16, and back
            float[] cast = head.clone();
            for (int i = 0; i < cast.length; i++) {
                int half = 1 << (bits - 1);
                boolean kept = bits == 13 && Math.abs(cast[i]) < 0x1p-14f;
                cast[i] = kept
                        ? (float) Math.rint(cast[i] * 0x1p24f) * 0x1p-24f
                        : Float.intBitsToFloat((Float.floatToRawIntBits(cast[i]) + half) & -(1 << bits));
            }
            assertThat(cast).isNotEqualTo(head);
            store(Map.of(), new SafetensorsWriter().add(name + "weight", cast, 37, 20));
            BaseWeights.requireUnchanged(directory, Peft.saved(directory), base);
        }
        float[] other = head.clone();
        other[5] += 1e-6f;
        store(Map.of(), new SafetensorsWriter().add(name + "weight", other, 37, 20));
        assertChanged(base, name + "weight", "which differs from that of the base model", "at element 5");
        store(Map.of(), new SafetensorsWriter().add(name + "weight", random(760), 38, 20));
        assertChanged(base, name + "weight", "38x20, where the base model's is 37x20");
        store(Map.of(), new SafetensorsWriter().add("base_model.model.score.weight", random(60), 3, 20));
        assertChanged(base, "base_model.model.score.weight", "does not have");
        SafetensorsWriter classifier = new SafetensorsWriter()
                .add("base_model.model.score.modules_to_save.default.weight", random(60), 3, 20)
                .add("base_model.model.score.original_module.weight", random(60), 3, 20);
        store(Map.of("task_type", "SEQ_CLS"), classifier); // PEFT's copy from before training is used by nobody
        BaseWeights.requireUnchanged(directory, Peft.saved(directory), base);
        store(Map.of(), new SafetensorsWriter().add("model.embed_tokens.weight", head, 37, 20));
        assertChanged(base, "model.embed_tokens.weight", "differs");
    }

    private void assertChanged(Path base, String... parts) {
        assertThatThrownBy(() -> BaseWeights.requireUnchanged(directory, Peft.saved(directory), base))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContaining("adapter_model.safetensors: tensor ")
                .hasMessageContainingAll(parts);
    }

    @Test
    void shouldSayWhatIsThereInsteadOfAnAdapter() throws IOException {
        store(Map.of(), weights());
        Files.move(file, directory.resolve("adapter_model.bin"));
        assertThatThrownBy(() -> Peft.read(directory, config, CLASSES))
                .hasMessageContainingAll("but adapter_model.bin is there", "safe_serialization=True");
        Path above = Files.createDirectory(directory.resolve("above"));
        Files.createDirectories(above.resolve("checkpoint-5"));
        Files.createFile(above.resolve("checkpoint-5/adapter_config.json"));
        assertThatThrownBy(() -> Peft.read(above, config, CLASSES))
                .hasMessageContaining("give a directory within: checkpoint-5");
        new TinyModel().writeConfig(above);
        assertThatThrownBy(() -> Peft.read(above, config, CLASSES))
                .hasMessageContaining("this is a whole model, not an adapter");
    }

    @Test
    void shouldSayOfWhichRunAnAdapterIs() {
        Adapter adapter =
                Adapter.initialise(config, new LoraSettings(2, 4, 0, false, LoraTargets.of("q_proj")), CLASSES, 1);
        Path written = directory.resolve("written");
        assertThat(Peft.adapterIn(written)).isEmpty();
        Peft.write(written, adapter, config, "", "news");
        assertThat(Peft.adapterIn(written)).contains("adapter_model.safetensors");
        assertThat(Peft.runOf(written)).contains("news");
        Peft.write(written, adapter, config, "");
        assertThat(Peft.runOf(written)).isEmpty();
    }
}
