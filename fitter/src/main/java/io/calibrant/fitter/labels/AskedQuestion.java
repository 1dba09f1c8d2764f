package io.calibrant.fitter.labels;

import java.io.IOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;

/**
 * A question that a fit answered for the first time, as the alarm counts it.
 *
 * @param time of its answer, milliseconds
 * @param rank where it stands among the calibration scores
 */
public record AskedQuestion(long time, FamiliarityRank rank) {
    static void optional(AskedQuestion question, BinaryEncoder out) throws IOException {
        FamiliarityRank.optional(question == null ? null : question.rank, out);
        if (question != null) {
            out.writeLong(question.time);
        }
    }

    static AskedQuestion optional(BinaryDecoder in) throws IOException {
        FamiliarityRank rank = FamiliarityRank.optional(in);
        return rank == null ? null : new AskedQuestion(in.readLong(), rank);
    }
}
