package io.calibrant.scorer;

import ai.djl.Device;
import io.calibrant.trainer.model.ComputeDevice;

/**
 * Where tests compute: system property {@code calibrant.test.device}, as {@code --device} says it; else the processor.
 */
public final class TestDevice {
    private TestDevice() {}

    public static Device get() {
        return ComputeDevice.parse(System.getProperty("calibrant.test.device", "cpu"))
                .resolve();
    }
}
