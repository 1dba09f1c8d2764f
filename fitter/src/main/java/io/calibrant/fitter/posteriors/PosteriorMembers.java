package io.calibrant.fitter.posteriors;

import io.calibrant.fitter.calibration.CalibrationResult;
import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.CrossFitted;
import io.calibrant.fitter.calibration.LabelFree;
import io.calibrant.fitter.calibration.Member;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.records.SelectiveRecords;
import io.calibrant.fitter.selective.GradedAnswer;
import io.calibrant.fitter.selective.SelectiveCounts;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.TierConfidences;
import io.calibrant.schemas.avro.TierMembers;
import java.util.List;

/**
 * What a posterior says is averaged at each tier (method.md section 5). T and c are those of the covariance of all
 * blocks, so a tier that has less of it, last-layer, averages what needs none.
 */
final class PosteriorMembers {
    private static final Calibrator CALIBRATOR = new Calibrator();

    private PosteriorMembers() {}

    /**
     * c0 = examples / real tokens of the blocks that count tokens.
     *
     * @return null where no block counts more than the examples: with REDUCE and LAST, and on the head alone
     */
    static Double labelFreeScale(List<FactorUpdate> updates) {
        Double scale = null;
        for (FactorUpdate update : updates) {
            if (update.getN() > update.getExamples() && update.getExamples() > 0) {
                double each = update.getExamples() / update.getN();
                scale = scale == null ? each : Math.min(scale, each);
            }
        }
        return scale;
    }

    /** A posterior that no label has calibrated. */
    static Posterior.Builder withoutLabels(Posterior.Builder posterior, LabelFree labelFree, long questions) {
        return with(posterior, CALIBRATOR.calibrate(List.of(), labelFree), labelFree, questions, CrossFitted.NONE);
    }

    /**
     * A posterior that labels have calibrated.
     *
     * @param questions that v rests on; 0 where it is not known
     * @param behindThresholds the labelled answers that thresholds rest on
     */
    static Posterior.Builder with(
            Posterior.Builder posterior,
            CalibrationResult result,
            LabelFree labelFree,
            long questions,
            CrossFitted behindThresholds) {
        return posterior
                .setLabels(result.labels())
                .setCalibration(
                        result.labels() > 0
                                ? Calibration.AVERAGED
                                : result.all().isEmpty() ? Calibration.MAP : Calibration.LABEL_FREE)
                .setLabelFreeScale(labelFree.scale())
                .setLogitVariance(labelFree.variance())
                .setLogitVarianceQuestions(questions)
                .setTiers(List.of(
                        tier("all", result.all()),
                        tier("last-layer", result.forward()),
                        tier("forward", result.forward()),
                        tier("map", result.map())))
                .setSelective(result.labels() == 0 ? List.of() : selective(behindThresholds));
    }

    /** What thresholds need: the labelled answers as each tier serves them, by members fitted without them. */
    private static List<TierConfidences> selective(CrossFitted served) {
        return List.of(
                selective("all", served.all()),
                selective("last-layer", served.forward()),
                selective("forward", served.forward()),
                selective("map", served.map()));
    }

    private static TierConfidences selective(String tier, List<LabelledProbabilities> served) {
        return SelectiveRecords.of(
                tier, SelectiveCounts.of(served.stream().map(GradedAnswer::of).toList()));
    }

    private static TierMembers tier(String tier, List<Member> members) {
        return new TierMembers(
                tier,
                members.stream()
                        .map(member -> new CalibrationMember(
                                member.name(),
                                member.temperature(),
                                member.scale(),
                                member.variance(),
                                member.weight(),
                                member.logLikelihood()))
                        .toList());
    }
}
