package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.refit.RefitPlan;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import java.util.List;

/** The outcome of a refit. */
public final class RefitOutcome {
    private RefitOutcome() {}

    /** Whether every checkpoint with an end is complete, and the others have all batches that were on the topic. */
    public static boolean isDone(List<Posterior> posteriors, RefitPlan plan) {
        return plan.checkpoints().entrySet().stream()
                .allMatch(checkpoint -> posteriors.stream()
                        .anyMatch(posterior -> posterior.getCheckpoint().equals(checkpoint.getKey())
                                && (posterior.getState() != PosteriorState.LIVE
                                        || (posterior.getBatchesExpected() == null
                                                && posterior.getBatches() >= checkpoint.getValue()))));
    }

    /** A line for people: the state of the posterior, and what it still waits for. */
    public static String describe(Posterior posterior, boolean wasDone) {
        return posterior.getRunId() + "/" + posterior.getCheckpoint() + "/" + posterior.getFit() + ": "
                + (wasDone ? "done already, " : "")
                + posterior.getState() + ", " + PosteriorFields.batches(posterior) + " batches, log evidence "
                + Output.number(posterior.getLogEvidence()) + ", captured energy "
                + Output.number(posterior.getCapturedEnergy()) + ", " + labels(posterior);
    }

    private static String labels(Posterior posterior) {
        if (posterior.getState() == PosteriorState.LIVE) {
            return CalibrationWords.of(posterior);
        }
        if (waitsForValidation(posterior)) {
            String known = posterior.getLabels() == 0
                    ? CalibrationWords.of(posterior)
                    : "T " + Output.number(posterior.getTemperature()) + " from " + posterior.getLabels()
                            + " validation answers of other fits";
            return known + "; (T, c) waits for validation answers made with it: calibrant validate --run "
                    + posterior.getRunId() + " --fit " + posterior.getFit() + ", then this again";
        }
        return CalibrationWords.of(posterior) + ": T " + Output.number(posterior.getTemperature()) + ", c "
                + Output.number(posterior.getVarianceScale());
    }

    private static boolean waitsForValidation(Posterior posterior) {
        return posterior.getVarianceScale() == null;
    }

    /** The fields of {@code fits}, and two of its own. */
    public static ObjectNode object(Posterior posterior, boolean wasDone) {
        ObjectNode object = PosteriorFields.object(posterior);
        object.put("wasDone", wasDone);
        object.put("waitsForValidation", posterior.getState() != PosteriorState.LIVE && waitsForValidation(posterior));
        return object;
    }
}
