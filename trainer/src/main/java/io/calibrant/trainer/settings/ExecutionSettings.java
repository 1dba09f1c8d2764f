package io.calibrant.trainer.settings;

import io.calibrant.trainer.model.ComputeDevice;
import java.util.Optional;

/**
 * How the process runs; nothing here changes what is trained or sent.
 *
 * @param device where the model is computed
 * @param createTopics whether topics that are missing are created
 * @param replaceRun whether a run of this name with other settings is deleted first, which is refused otherwise
 * @param state where the trainer keeps its own state, and resumes from it; empty: nowhere, it starts over
 */
public record ExecutionSettings(
        ComputeDevice device, boolean createTopics, boolean replaceRun, Optional<StateSettings> state) {
    /** On the processor; topics must exist; no state is kept. */
    public static final ExecutionSettings DEFAULT =
            new ExecutionSettings(ComputeDevice.CPU, false, false, Optional.empty());

    /** The same on another device. */
    public ExecutionSettings withDevice(ComputeDevice newDevice) {
        return new ExecutionSettings(newDevice, createTopics, replaceRun, state);
    }

    /** The same, but topics that are missing are created. */
    public ExecutionSettings creatingTopics() {
        return new ExecutionSettings(device, true, replaceRun, state);
    }

    /** The same, but the state is kept. */
    public ExecutionSettings withState(StateSettings newState) {
        return new ExecutionSettings(device, createTopics, replaceRun, Optional.of(newState));
    }

    /** The same, but a run of this name with other settings is deleted first. */
    public ExecutionSettings replacingTheRun() {
        return new ExecutionSettings(device, createTopics, true, state);
    }
}
