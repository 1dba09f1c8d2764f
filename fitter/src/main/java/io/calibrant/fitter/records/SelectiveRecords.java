package io.calibrant.fitter.records;

import io.calibrant.fitter.selective.SelectiveCounts;
import io.calibrant.schemas.avro.ConfidenceCell;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.TierConfidences;

/** Writes and reads what thresholds need of labelled answers. */
public final class SelectiveRecords {
    private SelectiveRecords() {}

    /** The counts of one tier. */
    public static TierConfidences of(String tier, SelectiveCounts counts) {
        return new TierConfidences(
                tier,
                counts.cells().stream()
                        .map(cell -> new ConfidenceCell(cell.from(), cell.answers(), cell.wrong()))
                        .toList());
    }

    /** Whether a posterior has counts of a tier. */
    public static boolean has(Posterior posterior, String tier) {
        return posterior.getSelective().stream().anyMatch(each -> each.getTier().equals(tier));
    }

    /**
     * The counts of one tier; none where the posterior has none.
     *
     * @throws IllegalArgumentException if they are no counts
     */
    public static SelectiveCounts of(Posterior posterior, String tier) {
        return SelectiveCounts.ofCells(posterior.getSelective().stream()
                .filter(each -> each.getTier().equals(tier))
                .flatMap(each -> each.getCells().stream())
                .map(cell -> new SelectiveCounts.Cell(cell.getFrom(), cell.getAnswers(), cell.getWrong()))
                .toList());
    }
}
