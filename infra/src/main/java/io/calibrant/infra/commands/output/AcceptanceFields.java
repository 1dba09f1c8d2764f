package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.records.SelectiveRecords;
import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.SelectiveCounts;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.infra.report.AcceptanceWords;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.scorer.answering.Tier;

/** What may be accepted, as commands show it, to people and as JSON. */
public final class AcceptanceFields {
    private AcceptanceFields() {}

    /** What the labels of a posterior guarantee at a tier. */
    static Acceptance of(Posterior posterior, Tier tier, TargetAccuracy target) {
        try {
            return SelectiveRecords.of(posterior, tier.label()).acceptance(target);
        } catch (IllegalArgumentException e) {
            return SelectiveCounts.NONE.acceptance(target); // whoever wrote it: a scorer refuses it, a table shows it
        }
    }

    /** The threshold of a posterior at tier all, for a column of a table. */
    public static String cell(Posterior posterior, TargetAccuracy target) {
        return AcceptanceWords.cell(of(posterior, Tier.ALL, target));
    }

    /** The same in words; where they say nothing of a tier, that. */
    static String sentence(Posterior posterior, Tier tier, TargetAccuracy target) {
        return posterior.getLabels() > 0 && !SelectiveRecords.has(posterior, tier.label())
                ? "no threshold at tier " + tier.label() + ": the labelled answers of the posterior say nothing of it"
                : AcceptanceWords.sentence(of(posterior, tier, target));
    }

    /** The threshold; null where there is none. */
    static Double threshold(Acceptance found) {
        return found.verdict() == Acceptance.Verdict.GUARANTEED ? (Double) found.threshold() : null;
    }

    /** Threshold and target; threshold null where there is none, labelsNeeded null where more would not help. */
    static void put(ObjectNode object, Acceptance found) {
        object.put("threshold", threshold(found));
        object.put("targetAccuracy", found.target().accuracy());
        object.put("targetConfidence", found.target().confidence());
        object.put("verdict", found.verdict().toString());
        object.put("labels", found.labels());
        object.put("accepted", found.accepted());
        object.put("wrong", found.wrong());
        object.put("coverage", found.coverage());
        object.put(
                "labelsNeeded",
                found.verdict() == Acceptance.Verdict.TOO_FEW_LABELS ? (Long) found.labelsNeeded() : null);
    }
}
