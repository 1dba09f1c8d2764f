package io.calibrant.infra.commands.options;

import io.calibrant.schemas.Require;
import io.calibrant.scorer.serving.ServingSettings;

/** The names of runs and fits that flags accept. */
public final class NameChecks {
    private NameChecks() {}

    /**
     * The name of a fit that is to be made: not the word that scorers have for the fit that was completed last.
     *
     * @param flag the flag that gives the name
     */
    public static void newFit(String flag, String name) {
        Require.that(
                !name.equals(ServingSettings.LATEST_COMPLETE),
                flag,
                name,
                "another name: to scorers and questions this one means the fit that was completed last");
    }

    /** The run and the fit that questions name, either of which may be null for none. */
    public static void runAndFit(String run, String fit) {
        if (run != null) {
            Require.name("--run", run);
        }
        if (fit != null) {
            Require.name("--fit", fit);
        }
    }
}
