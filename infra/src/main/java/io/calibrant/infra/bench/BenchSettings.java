package io.calibrant.infra.bench;

import ai.djl.Device;
import io.calibrant.trainer.model.ComputeDevice;
import java.nio.file.Path;

/**
 * What is measured.
 *
 * @param model a Hugging Face directory, or null for random weights of SmolLM-135M's shape
 * @param computeDevice where, as the flag says it
 * @param batch questions a batch in the trainer's benchmark
 * @param length T, tokens of the longest prompt
 * @param classes C
 * @param repetitions runs, of which the fastest counts
 * @param memorySteps training steps over which resident memory is watched, on a tiny model
 */
public record BenchSettings(
        Path model, ComputeDevice computeDevice, int batch, int length, int classes, int repetitions, int memorySteps) {
    public BenchSettings {
        require(batch >= 1, "--batch-size", batch, "1 or more");
        require(length >= 16, "--length", length, "16 or more");
        require(classes >= 2 && classes <= 5, "--classes", classes, "2 to 5");
        require(repetitions >= 1, "--repetitions", repetitions, "1 or more");
        require(memorySteps >= 0, "--memory-steps", memorySteps, "0 or more");
    }

    /** The engine's device. */
    Device device() {
        return computeDevice.resolve();
    }

    private static void require(boolean condition, String flag, int value, String accepted) {
        if (!condition) {
            throw new IllegalArgumentException(flag + ": " + value + " is not accepted; accepted: " + accepted);
        }
    }
}
