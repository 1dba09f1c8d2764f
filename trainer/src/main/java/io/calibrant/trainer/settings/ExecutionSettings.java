package io.calibrant.trainer.settings;

import io.calibrant.trainer.model.ComputeDevice;
import java.util.Optional;

/**
 * How the process runs; nothing here changes what is trained or sent.
 *
 * @param device where the model is computed
 * @param createTopics whether topics that are missing are created
 * @param state where the trainer keeps its own state, and resumes from it; empty: nowhere, it starts over
 */
public record ExecutionSettings(ComputeDevice device, boolean createTopics, Optional<StateSettings> state) {
    /** On the processor; topics must exist; no state is kept. */
    public static final ExecutionSettings DEFAULT = new ExecutionSettings(ComputeDevice.CPU, false, Optional.empty());

    /** The same on another device. */
    public ExecutionSettings withDevice(ComputeDevice newDevice) {
        return new ExecutionSettings(newDevice, createTopics, state);
    }

    /** The same, but topics that are missing are created. */
    public ExecutionSettings creatingTopics() {
        return new ExecutionSettings(device, true, state);
    }

    /** The same, but the state is kept. */
    public ExecutionSettings withState(StateSettings newState) {
        return new ExecutionSettings(device, createTopics, Optional.of(newState));
    }
}
