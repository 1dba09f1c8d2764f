package io.calibrant.scorer.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.avro.ClassToken;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.scorer.TinyModel;
import io.calibrant.trainer.digest.ModelDigest;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.model.ComputeDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
        BaseFormat nf4 = BaseFormat.F32.withQuantization(BaseQuantization.NF4);
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU, nf4)) {
            assertThatThrownBy(() -> model.requireModelOf(rounded))
                    .hasMessage("--base-dtype must be BF16, in which run 'r' was trained, got F32");
        }
        try (BaseModel model = BaseModel.load(directory, ComputeDevice.CPU, nf4.withType(BaseType.BF16))) {
            assertThatCode(() -> model.requireModelOf(rounded)).doesNotThrowAnyException();
        }
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
            assertThatThrownBy(() -> model.requireModelOf(run)).hasMessageContaining("the base model of run 'r'");
        }
    }
}
