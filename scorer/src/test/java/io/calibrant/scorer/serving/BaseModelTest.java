package io.calibrant.scorer.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.avro.ClassToken;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.TaskType;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.scorer.TinyModel;
import io.calibrant.trainer.digest.ModelDigest;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ReplacedWeights;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaseModelTest {
    static {
        TrustedRecords.trust();
    }

    @TempDir
    Path directory;

    @Test
    void shouldNameADeviceThatThisMachineDoesNotHaveBeforeItReadsAnything() {
        ComputeDevice missing = ComputeDevice.parse("gpu:999");

        assertThatThrownBy(() -> BaseModel.load(Path.of("no such model"), missing))
                .hasMessageStartingWith("--device must be cpu");
    }

    @Test
    void shouldRefuseARunOnABaseThatWasRoundedOtherwiseAndTakeOneOfAnotherType() throws IOException {
        TinyModel.write(directory);
        Run rounded = Run.newBuilder()
                .setRunId("r")
                .setModelDigest(ModelDigest.of(directory))
                .setSettings(Map.of("baseDtype", "BF16", "baseQuantization", "nf4"))
                .build();
        Run half =
                Run.newBuilder(rounded).setSettings(Map.of("baseDtype", "BF16")).build();
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU)) {
            assertThatCode(() -> model.requireModelOf(half)).doesNotThrowAnyException();
            assertThatThrownBy(() -> model.requireModelOf(rounded))
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessage("--base-quantization must be nf4, in which run 'r' was trained, got none");
        }
        BaseFormat nf4 = new BaseFormat(BaseType.F32, BaseQuantization.NF4);
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU, nf4)) {
            assertThatThrownBy(() -> model.requireModelOf(rounded))
                    .hasMessage("--base-dtype must be BF16, in which run 'r' was trained, got F32");
        }
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU, nf4.withType(BaseType.BF16))) {
            assertThatCode(() -> model.requireModelOf(rounded)).doesNotThrowAnyException();
        }
    }

    /** Weights that are not on the topics: with others than the run was trained with, every answer would be another. */
    @Test
    void shouldRefuseARunWhoseAdapterReplacesWeightsThatItDoesNotHave() throws IOException {
        TinyModel.write(directory);
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        ModelConfig config = ModelConfig.read(directory);
        adapter(adapter, config, 1);
        Run run = Run.newBuilder()
                .setRunId("r")
                .setModelId("tiny")
                .setModelDigest(
                        ModelDigest.of(directory, Peft.saved(adapter).weights().changes()))
                .setSettings(Map.of(ReplacedWeights.SETTING, "lm_head.weight"))
                .build();
        Run plain = Run.newBuilder(run)
                .setModelDigest(ModelDigest.of(directory))
                .setSettings(Map.of())
                .build();
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU)) {
            assertThatCode(() -> model.requireModelOf(plain)).doesNotThrowAnyException();
            assertThatThrownBy(() -> model.requireModelOf(run))
                    .hasMessageContainingAll(
                            "--model must be the base model of run 'r', tiny",
                            "with --adapter its adapter, which brings lm_head.weight along",
                            "without --adapter");
        }
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU, BaseFormat.F32, Optional.of(adapter))) {
            assertThatCode(() -> model.requireModelOf(run)).doesNotThrowAnyException();
            assertThatThrownBy(() -> model.requireModelOf(plain))
                    .hasMessageContainingAll("without --adapter, got", "with --adapter " + adapter);
        }
        adapter(adapter, config, 2);
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU, BaseFormat.F32, Optional.of(adapter))) {
            assertThatThrownBy(() -> model.requireModelOf(run))
                    .hasMessageContaining("which brings lm_head.weight along");
        }
    }

    private static float[] random(int size, long seed) {
        Random random = new Random(seed);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = random.nextFloat();
        }
        return values;
    }

    private static void adapter(Path directory, ModelConfig config, long seed) throws IOException {
        String map = "base_model.model.model.layers.0.self_attn.q_proj.";
        Files.writeString(
                directory.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1,"
                        + " \"target_modules\": [\"layers.0.self_attn.q_proj\"], \"modules_to_save\": [\"lm_head\"]}");
        int width = config.width();
        new SafetensorsWriter()
                .add(map + "lora_A.weight", new float[width], 1, width)
                .add(map + "lora_B.weight", new float[width], width, 1)
                .add(
                        "base_model.model.lm_head.weight",
                        random(config.vocabularySize() * width, seed),
                        config.vocabularySize(),
                        width)
                .write(directory.resolve("adapter_model.safetensors"));
    }

    /** Of several ends of sequence the tokenizer's is taken; which one it is changes True/False prompts only. */
    @Test
    void shouldTakeARunWhosePromptsHaveNoEndByTheDigestOfTheFilesAlone() throws IOException {
        TinyModel.write(directory);
        Path config = directory.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace("\"eos_token_id\": 2", "\"eos_token_id\": [3, 2]"));
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
        String tokenizer = directory.resolve("tokenizer.json").toString();
        Files.writeString(
                Path.of(tokenizer),
                Files.readString(Path.of(tokenizer))
                        .replace(
                                "\"added_tokens\": []",
                                "\"added_tokens\": [{\"id\": 2, \"content\": \"</s>\", \"single_word\": false,"
                                        + " \"lstrip\": false, \"rstrip\": false, \"normalized\": false,"
                                        + " \"special\": true}]"));
        Run run = Run.newBuilder()
                .setRunId("r")
                .setModelDigest(ModelDigest.of(directory))
                .setClassTokens(List.of(new ClassToken("A", 7), new ClassToken("B", 8)))
                .build();
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU)) {
            assertThat(model.special().eos()).hasValue(2);
            assertThatCode(() -> model.requireModelOf(run)).doesNotThrowAnyException();
            run.setClassTokens(List.of(new ClassToken("False", 6), new ClassToken("True", 5)));
            // The trainer knows whether one does, and says so: labels True and False may stand behind other prompts.
            run.setSettings(Map.of(PromptForm.NAMES_END, "false"));
            assertThatCode(() -> model.requireModelOf(run)).doesNotThrowAnyException();
            run.setClassTokens(List.of(new ClassToken("A", 7), new ClassToken("B", 8)));
            run.setSettings(Map.of(PromptForm.NAMES_END, "true"));
            assertThatThrownBy(() -> model.requireModelOf(run)).hasMessageContaining("the base model of run 'r'");
        }
    }

    /** A classifier reads what stands behind a text; a label could not follow it. */
    @Test
    void shouldTakeATokenizerThatEndsTextsForASequenceClassifierOnly() throws IOException {
        TinyModel.write(directory);
        Files.writeString(
                directory.resolve("tokenizer_config.json"), "{\"add_eos_token\": true, \"eos_token\": \"</s>\"}");
        Run run = Run.newBuilder().setRunId("r").setTaskType(TaskType.SEQ_CLS).build();
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU)) {
            assertThatCode(() -> model.requireModelOf(run)).doesNotThrowAnyException();
            run.setTaskType(TaskType.CAUSAL_LM);
            assertThatThrownBy(() -> model.requireModelOf(run))
                    .isInstanceOf(MisfitException.class)
                    .hasMessageContaining("tokenizer_config.json: add_eos_token must be false");
        }
    }
}
