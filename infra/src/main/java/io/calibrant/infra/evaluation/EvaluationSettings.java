package io.calibrant.infra.evaluation;

import io.calibrant.fitter.selective.TargetAccuracy;
import java.util.List;

/**
 * What an evaluation is to say beyond its table.
 *
 * @param targets that thresholds are looked for; none: nothing is said of accepting answers
 * @param classConditional whether conformal sets keep their promise for every class on its own
 */
public record EvaluationSettings(List<TargetAccuracy> targets, boolean classConditional) {
    /** The table, and conformal sets for all classes together. */
    public static final EvaluationSettings TABLE = new EvaluationSettings(List.of(), false);

    /** Copies the list. */
    public EvaluationSettings {
        targets = List.copyOf(targets);
    }
}
