package io.calibrant.scorer.serving;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Require;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.ComputeDevice;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Which posteriors are served, and on which base model.
 *
 * @param runs the runs whose adapters and posteriors are served, all of the same base model; the first answers
 *     questions that name none
 * @param model directory of the base model
 * @param base in what numbers that is held
 * @param fit name of the fit for questions that name none, or {@value #LATEST_COMPLETE}
 * @param device where the model is computed
 * @param adapter PEFT directory of the runs' adapter, where it replaces weights of the base model
 */
public record ServingSettings(
        List<String> runs, Path model, BaseFormat base, String fit, ComputeDevice device, Optional<Path> adapter) {
    /** The name of a fit where none is given. */
    public static final String DEFAULT_FIT = "default";

    /** In place of a fit's name: whichever of the run's fits was completed last. */
    public static final String LATEST_COMPLETE = "latest-complete";

    /**
     * Checks names and runs.
     *
     * @throws ConfigurationException naming flag, value and what is accepted
     */
    public ServingSettings {
        runs = List.copyOf(runs);
        runs.forEach(run -> Require.name("--run", run));
        Require.that(
                !runs.isEmpty() && new HashSet<>(runs).size() == runs.size(),
                "--run",
                String.join(",", runs),
                "one run or several different ones, R1,R2");
        Require.name("--fit", fit);
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(base, "base");
        Objects.requireNonNull(device, "device");
    }

    /** The default fit of a run, on the processor. */
    public static ServingSettings of(String run, Path model) {
        return new ServingSettings(
                List.of(run), model, BaseFormat.F32, DEFAULT_FIT, ComputeDevice.CPU, Optional.empty());
    }

    /** The same settings with other runs. */
    public ServingSettings withRuns(List<String> value) {
        return new ServingSettings(value, model, base, fit, device, adapter);
    }

    /** The same settings with the base model held in other numbers. */
    public ServingSettings withBase(BaseFormat value) {
        return new ServingSettings(runs, model, value, fit, device, adapter);
    }

    /** The same settings with another fit. */
    public ServingSettings withFit(String value) {
        return new ServingSettings(runs, model, base, value, device, adapter);
    }

    /** The same settings on another device. */
    public ServingSettings withDevice(ComputeDevice value) {
        return new ServingSettings(runs, model, base, fit, value, adapter);
    }
}
