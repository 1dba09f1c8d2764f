package io.calibrant.scorer.answering;

import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.schemas.avro.FamiliarityBasis;
import io.calibrant.schemas.avro.Posterior;
import java.util.List;

/** The scores of known questions that a posterior carries. Thread-safe. */
public final class FamiliarityScores {
    private final ScoreCalibration all;
    private final ScoreCalibration behindThresholds;

    /** Those of a posterior; none where it has none. */
    public FamiliarityScores(Posterior posterior) {
        FamiliarityBasis known = posterior.getFamiliarity();
        all = new ScoreCalibration(known == null ? new double[0] : array(known.getScores()));
        behindThresholds = known == null ? all : all.without(array(known.getCheckedScores()));
    }

    private static double[] array(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** All of them. */
    ScoreCalibration all() {
        return all;
    }

    /**
     * Whether no threshold holds for a question: also where labels have made its kind familiar, since only validation
     * questions have labels behind a threshold.
     *
     * @param familiarity its score
     * @param p the p-value that its answer carries
     */
    public boolean isOfAnotherKind(double familiarity, double p) {
        return ScoreCalibration.isUnfamiliar(p) || ScoreCalibration.isUnfamiliar(behindThresholds.pValue(familiarity));
    }
}
