package io.calibrant.trainer.settings;

import io.calibrant.trainer.statistics.RowType;
import java.util.OptionalDouble;

/**
 * What is sent while the weights move, and how statistics are packed. Cannot exist invalid; messages name the flag, the
 * value and what is accepted.
 *
 * @param every the EMPIRICAL statistics of every so many steps are sent, from the first; 0: of none
 * @param halfLife steps after which a batch counts half; empty: nothing is forgotten
 * @param batchesPerRecord batches that are folded into one record, of the curvature pass too
 * @param rowType how rows go over the wire, of the curvature pass too
 * @param sendBuffer bytes that may wait to be sent before a step does
 */
public record StreamingSettings(
        int every, OptionalDouble halfLife, int batchesPerRecord, RowType rowType, long sendBuffer) {
    /** Every step, nothing forgotten, a record a batch, F32, 64 MB. */
    public static final StreamingSettings DEFAULT =
            new StreamingSettings(1, OptionalDouble.empty(), 1, RowType.F32, 64_000_000);

    /** Nothing while the weights move. */
    public static final StreamingSettings NONE =
            new StreamingSettings(0, OptionalDouble.empty(), 1, RowType.F32, 64_000_000);

    /** @throws IllegalArgumentException naming flag, value and what is accepted */
    public StreamingSettings {
        TrainerSettings.require(every >= 0, "--statistics-every", every, "0 or more");
        TrainerSettings.require(batchesPerRecord >= 1, "--batches-per-record", batchesPerRecord, "1 or more");
        TrainerSettings.require(sendBuffer >= 1, "--send-buffer", sendBuffer, "1 or more");
        double half = halfLife.orElse(1);
        TrainerSettings.require(
                half >= 1 && half < Double.POSITIVE_INFINITY, "--half-life", half, "1 step or more, and finite");
        double forgetting = Math.pow(2, -(double) every * batchesPerRecord / half);
        TrainerSettings.require(
                halfLife.isEmpty() || forgetting > 0,
                "--half-life",
                half + " at a record in " + (long) every * batchesPerRecord + " steps, which is a forgetting of 0",
                "a forgetting in (0, 1]: a longer half-life, or records more often");
    }

    /** What a batch keeps of those before it, in (0, 1]: gamma ^ every, gamma = 2 ^ (-1 / half-life). */
    public double forgetting() {
        return halfLife.isEmpty() ? 1 : Math.pow(2, -every / halfLife.getAsDouble());
    }
}
