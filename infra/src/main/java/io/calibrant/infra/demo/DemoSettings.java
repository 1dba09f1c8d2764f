package io.calibrant.infra.demo;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * What the demo is to run.
 *
 * @param files model and questions; null for the demo's own
 * @param directory for logs, report and the cluster's state; null for a temporary one, whose cluster state is removed
 *     at the end
 * @param training flags handed on to {@code train}, each followed by its value
 * @param scoring flags handed on to {@code score}, each followed by its value
 * @param version of Calibrant
 * @param command that started it, as it was typed
 * @param monitor whether to open the monitor while it runs
 */
public record DemoSettings(
        DemoFiles files,
        Path directory,
        List<String> training,
        List<String> scoring,
        String version,
        String command,
        boolean monitor) {
    private static final List<String> OWN_TRAINING = List.of("--steps", "600", "--learning-rate", "5e-3");

    /** Adds the recipe of the demo's own model where that is used and nothing else was asked for. */
    public DemoSettings {
        Objects.requireNonNull(training, "training");
        if (files == null) {
            java.util.ArrayList<String> all = new java.util.ArrayList<>();
            for (int i = 0; i < OWN_TRAINING.size(); i += 2) {
                if (!training.contains(OWN_TRAINING.get(i))) {
                    all.addAll(OWN_TRAINING.subList(i, i + 2));
                }
            }
            all.addAll(training);
            training = all;
        }
        training = List.copyOf(training);
        scoring = List.copyOf(scoring);
    }
}
