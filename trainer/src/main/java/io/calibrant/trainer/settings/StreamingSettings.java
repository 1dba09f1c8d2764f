package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.statistics.RowType;
import java.util.OptionalDouble;

/**
 * What is sent while the weights move, and how statistics are packed. Cannot exist invalid.
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

    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public StreamingSettings {
        Require.atLeast("--statistics-every", every, 0);
        Require.atLeast("--batches-per-record", batchesPerRecord, 1);
        Require.atLeast("--send-buffer", sendBuffer, 1);
        double half = halfLife.orElse(1);
        Require.atLeast("--half-life", half, 1);
        long steps = (long) every * batchesPerRecord;
        Require.that(
                halfLife.isEmpty() || Math.pow(2, -steps / half) > 0,
                "--half-life",
                half,
                "long enough that 2^(-steps / half-life) of a record in " + steps + " steps is above 0");
    }

    /** The same, but records hold so many batches. */
    public StreamingSettings withBatchesPerRecord(int batches) {
        return new StreamingSettings(every, halfLife, batches, rowType, sendBuffer);
    }

    /** What a batch keeps of those before it, in (0, 1]: gamma ^ every, gamma = 2 ^ (-1 / half-life). */
    public double forgetting() {
        return halfLife.isEmpty() ? 1 : Math.pow(2, -every / halfLife.getAsDouble());
    }
}
