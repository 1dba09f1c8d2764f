package io.calibrant.trainer.model;

import ai.djl.Device;
import ai.djl.engine.Engine;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a model is to be computed, as the flag {@code --device} says it: {@code cpu}, {@code gpu} (the first one) or
 * {@code gpu:N}. Reading it loads no native library, so that a typo is reported at once; {@link #resolve} asks what
 * this machine has.
 */
public final class ComputeDevice {
    /** The processor. */
    public static final ComputeDevice CPU = new ComputeDevice("cpu", -1);

    private static final Pattern GPU = Pattern.compile("gpu(?::(\\d{1,3}))?");

    private final String name;
    private final int gpu;

    private ComputeDevice(String name, int gpu) {
        this.name = name;
        this.gpu = gpu;
    }

    /**
     * Reads the flag's value.
     *
     * @throws IllegalArgumentException naming flag, value and what is accepted
     */
    public static ComputeDevice parse(String value) {
        if (value.equals(CPU.name)) {
            return CPU;
        }
        Matcher matcher = GPU.matcher(value);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("--device must be cpu, gpu or gpu:N, got '" + value + "'");
        }
        return new ComputeDevice(value, matcher.group(1) == null ? 0 : Integer.parseInt(matcher.group(1)));
    }

    /**
     * The engine's device.
     *
     * @throws IllegalArgumentException naming flag, value and what is accepted if this machine has no such GPU that the
     *     engine can use
     */
    public Device resolve() {
        if (gpu < 0) {
            return Device.cpu();
        }
        return among(Engine.getEngine("PyTorch").getGpuCount());
    }

    /** The device of a machine with so many GPUs. */
    Device among(int found) {
        if (gpu >= found) {
            throw new IllegalArgumentException("--device must be cpu"
                    + (found > 1 ? " or gpu:0 to gpu:" + (found - 1) : found == 1 ? " or gpu:0" : "")
                    + " (the engine can use " + found + (found == 1 ? " GPU" : " GPUs") + " of this machine), got '"
                    + name + "'");
        }
        return gpu < 0 ? Device.cpu() : Device.gpu(gpu);
    }

    /** As the flag says it. */
    @Override
    public String toString() {
        return name;
    }
}
