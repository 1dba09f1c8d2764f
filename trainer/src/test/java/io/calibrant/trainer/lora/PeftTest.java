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
        assertRefused(Map.of("bias", "all"), "bias", "'all'", "none");
        assertRefused(Map.of("use_dora", true), "use_dora");
        assertRefused(Map.of("fan_in_fan_out", true), "fan_in_fan_out");
        assertRefused(Map.of("rank_pattern", Map.of("q_proj", 4)), "rank_pattern", "q_proj");
        assertRefused(Map.of("alpha_pattern", Map.of("q_proj", 4)), "alpha_pattern", "q_proj");
        assertRefused(Map.of("modules_to_save", List.of("embed_tokens")), "modules_to_save", "embed_tokens");
        assertRefused(Map.of("layers_to_transform", List.of(1)), "layers_to_transform");
        assertRefused(Map.of("target_modules", List.of("c_attn")), "target_modules", "'c_attn'", "q_proj");
        assertRefused(Map.of("target_modules", List.of()), "target_modules");
        assertRefused(Map.of("r", "eight"), "r must be an integer", "eight");
        assertRefused(Map.of("r", 0), "rank must be 1 or more, got 0");
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
}
