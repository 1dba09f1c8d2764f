package io.calibrant.fitter.labels;

import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.schemas.avro.Answer;
import java.io.IOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;

/**
 * Where a question stands among the calibration scores of the posterior that answered it.
 *
 * @param exceeding k, the calibration scores that are at least its own
 * @param scores n, the calibration scores, 1 or more
 */
public record FamiliarityRank(int exceeding, int scores) {
    /** Of an answer; null where it does not say. */
    static FamiliarityRank of(Answer answer) {
        Integer scores = answer.getFamiliarityScores();
        if (answer.getFamiliarityP() == null || scores == null || scores < 1) {
            return null;
        }
        long exceeding = Math.round(answer.getFamiliarityP() * (1.0 + scores)) - 1;
        return new FamiliarityRank((int) Math.max(0, Math.min(scores, exceeding)), scores);
    }

    /** Whether the question is unfamiliar, by its conformal p-value (1 + k) / (1 + n). */
    boolean isUnfamiliar() {
        return ScoreCalibration.isUnfamiliar(ScoreCalibration.pValue(exceeding, scores));
    }

    /** One, or null. */
    static void optional(FamiliarityRank rank, BinaryEncoder out) throws IOException {
        out.writeInt(rank == null ? 0 : rank.scores);
        if (rank != null) {
            out.writeInt(rank.exceeding);
        }
    }

    static FamiliarityRank optional(BinaryDecoder in) throws IOException {
        int scores = in.readInt();
        return scores == 0 ? null : new FamiliarityRank(in.readInt(), scores);
    }
}
