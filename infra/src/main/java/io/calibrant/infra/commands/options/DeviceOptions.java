package io.calibrant.infra.commands.options;

import io.calibrant.trainer.model.ComputeDevice;
import picocli.CommandLine.Option;

/** Where a model computes. */
public final class DeviceOptions {
    @Option(
            names = "--device",
            paramLabel = "D",
            defaultValue = "cpu",
            description = "cpu, gpu or gpu:N. Default: ${DEFAULT-VALUE}.")
    private String device;

    /**
     * What the flag says.
     *
     * @throws IllegalArgumentException naming flag, value and what is accepted
     */
    public ComputeDevice device() {
        return ComputeDevice.parse(device);
    }
}
