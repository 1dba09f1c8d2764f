package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TinyModel;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdapterOutputTest {
    @TempDir
    Path directory;

    @Test
    void shouldTakeAnEmptyDirectoryAndTheRunsOwn() {
        Path output = directory.resolve("deep/output");
        accepted(output);
        write(output, "news");
        accepted(output);
    }

    @Test
    void shouldRefuseAnotherRunsAdapterUnlessToldToOverwriteIt() throws IOException {
        Path output = directory.resolve("output");
        write(output, "film");
        refused(output, "without another run's adapter (adapter_model.safetensors is there; --overwrite replaces it)");
        Files.delete(output.resolve("adapter_model.safetensors"));
        Files.createFile(output.resolve("adapter_model.bin"));
        refused(output, "(adapter_model.bin is there");
        assertThatCode(() -> AdapterOutput.check(settings(output)
                        .withAdapter(AdapterSettings.DEFAULT.withOutput(output).overwriting())))
                .doesNotThrowAnyException();
    }

    @Test
    void shouldNeverOverwriteWhatTheRunStartsFrom() {
        Path output = directory.resolve("output");
        write(output, "news");
        TrainerSettings settings = settings(output)
                .withAdapter(AdapterSettings.DEFAULT
                        .withFrom(directory.resolve("output/../output"))
                        .withOutput(output)
                        .overwriting());
        assertThatThrownBy(() -> AdapterOutput.check(settings))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("--output must be another directory than --adapter");
        refused(directory, "another directory than --model");
    }

    @Test
    void shouldRefuseAFile() throws IOException {
        refused(Files.createFile(directory.resolve("file")), "a directory");
    }

    private void accepted(Path output) {
        assertThatCode(() -> AdapterOutput.check(settings(output))).doesNotThrowAnyException();
    }

    private void refused(Path output, String accepted) {
        assertThatThrownBy(() -> AdapterOutput.check(settings(output)))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("--output must be ")
                .hasMessageContaining(accepted);
    }

    private TrainerSettings settings(Path output) {
        return TrainerSettings.of("news", directory, directory.resolve("q.jsonl"))
                .withAdapter(AdapterSettings.DEFAULT.withOutput(output));
    }

    private void write(Path output, String run) {
        ModelConfig config = ModelConfig.read(new TinyModel().writeConfig(directory.resolve("model")));
        LoraSettings lora = new LoraSettings(2, 4, 0, false, LoraTargets.of("q_proj"));
        Peft.write(output, Adapter.initialise(config, lora, new int[] {1, 2}, 1), config, "", run);
    }
}
