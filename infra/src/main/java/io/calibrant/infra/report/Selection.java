package io.calibrant.infra.report;

import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.TargetAccuracy;
import java.util.List;
import java.util.Set;

/**
 * What an evaluation says of accepting answers.
 *
 * @param targets that thresholds are looked for; empty: nothing is said
 * @param tuned ids of the questions whose labels the calibration has seen: they are left out
 * @param unfamiliar ids of the questions that a scorer accepts at no threshold
 * @param ofPosterior what the posterior's own labels guarantee, one for each target
 */
public record Selection(
        List<TargetAccuracy> targets, Set<String> tuned, Set<String> unfamiliar, List<Acceptance> ofPosterior) {
    /** Nothing is said. */
    public static final Selection NONE = new Selection(List.of(), Set.of(), Set.of(), List.of());

    /** Copies. */
    public Selection {
        targets = List.copyOf(targets);
        tuned = Set.copyOf(tuned);
        unfamiliar = Set.copyOf(unfamiliar);
        ofPosterior = List.copyOf(ofPosterior);
    }

    /** Whether anything is said. */
    public boolean isKnown() {
        return !targets.isEmpty();
    }
}
