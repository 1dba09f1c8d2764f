package io.calibrant.infra.bench;

import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A loaded model with a LoRA adapter for it; random weights are written to a directory that is deleted at once. */
final class BenchModel implements AutoCloseable {
    private final LanguageModel model;
    private final Adapter adapter;

    private BenchModel(LanguageModel model, int classes) {
        this.model = model;
        adapter = Workload.adapter(model.config(), classes);
    }

    static BenchModel open(BenchSettings settings) {
        return settings.model() == null
                ? random(Workload.SMOLLM_135M, settings)
                : new BenchModel(
                        LanguageModel.load(settings.model(), settings.device(), settings.base()), settings.classes());
    }

    static BenchModel random(ModelConfig config, BenchSettings settings) {
        try {
            Path directory = Files.createTempDirectory("calibrant-bench");
            try {
                Workload.writeRandomModel(config, directory);
                return new BenchModel(
                        LanguageModel.load(directory, settings.device(), settings.base()), settings.classes());
            } finally {
                Files.deleteIfExists(directory.resolve("model.safetensors"));
                Files.deleteIfExists(directory.resolve("config.json"));
                Files.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "cannot write a random model to the temporary directory: " + e.getMessage(), e);
        }
    }

    LanguageModel model() {
        return model;
    }

    Adapter adapter() {
        return adapter;
    }

    @Override
    public void close() {
        model.close();
    }
}
