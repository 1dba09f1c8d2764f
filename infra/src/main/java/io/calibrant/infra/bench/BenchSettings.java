package io.calibrant.infra.bench;

import ai.djl.Device;
import io.calibrant.schemas.Require;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.ComputeDevice;
import java.nio.file.Path;

/**
 * What is measured.
 *
 * @param model a Hugging Face directory, or null for random weights of SmolLM-135M's shape
 * @param base in what numbers its weights are held
 * @param computeDevice where, as the flag says it
 * @param batch questions a batch in the trainer's benchmark
 * @param length T, tokens of the longest prompt
 * @param classes C
 * @param repetitions runs, of which the fastest counts
 * @param memorySteps training steps over which resident memory is watched, on a tiny model
 */
public record BenchSettings(
        Path model,
        BaseFormat base,
        ComputeDevice computeDevice,
        int batch,
        int length,
        int classes,
        int repetitions,
        int memorySteps) {
    public BenchSettings {
        Require.atLeast("--batch-size", batch, 1);
        Require.atLeast("--length", length, 16);
        Require.between("--classes", classes, 2, 5);
        Require.atLeast("--repetitions", repetitions, 1);
        Require.atLeast("--memory-steps", memorySteps, 0);
    }

    /** The engine's device. */
    Device device() {
        return computeDevice.resolve();
    }
}
