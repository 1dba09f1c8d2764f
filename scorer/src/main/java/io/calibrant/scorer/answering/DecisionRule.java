package io.calibrant.scorer.answering;

import io.calibrant.fitter.records.SelectiveRecords;
import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.schemas.avro.Decision;
import io.calibrant.schemas.avro.Posterior;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * Whether an answer may be acted on, by the thresholds that the labels of one posterior give for one target (method.md
 * section 7). Immutable.
 */
final class DecisionRule {
    /** Empty where no target was asked. */
    private final Map<Tier, Acceptance> byTier = new EnumMap<>(Tier.class);

    /** @throws IllegalArgumentException if the posterior's counts are none */
    DecisionRule(Posterior posterior, Optional<TargetAccuracy> target) {
        target.ifPresent(wanted -> {
            for (Tier tier : Tier.values()) {
                byTier.put(tier, SelectiveRecords.of(posterior, tier.label()).acceptance(wanted));
            }
        });
    }

    /**
     * The decision of an answer.
     *
     * @param tier at which it was given
     * @param probabilities as served; not modified
     * @param unfamiliar whether its question is of another kind: then the threshold does not hold for it
     * @return null where no target was asked
     */
    Decision decide(Tier tier, double[] probabilities, boolean unfamiliar) {
        Acceptance acceptance = byTier.get(tier);
        if (acceptance == null) {
            return null;
        }
        if (unfamiliar) {
            return Decision.UNFAMILIAR;
        }
        if (acceptance.verdict() == Acceptance.Verdict.TOO_FEW_LABELS) {
            return Decision.NO_GUARANTEE;
        }
        double top = Arrays.stream(probabilities).max().orElseThrow();
        return acceptance.accepts(top) ? Decision.ACCEPT : Decision.UNSURE;
    }
}
