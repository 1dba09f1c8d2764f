package io.calibrant.infra.evaluation;

import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.monitoring.AccuracySums;
import io.calibrant.fitter.monitoring.CalibrationEvidence;
import io.calibrant.fitter.records.MonitoringRecords;
import io.calibrant.fitter.selective.GradedAnswer;
import io.calibrant.infra.assessment.Observed;
import io.calibrant.infra.report.EvaluatedQuestion;
import io.calibrant.infra.report.Method;
import io.calibrant.schemas.avro.Answer;
import java.util.List;
import java.util.Map;

/** How a fit has done on the evaluated questions, as the fitter says it of all of them. Pure. */
final class ObservedAnswers {
    private ObservedAnswers() {}

    /**
     * Of labelled questions.
     *
     * @param answers by question id
     */
    static Observed of(List<EvaluatedQuestion> questions, Map<String, Answer> answers) {
        AccuracySums sums = AccuracySums.NONE;
        CalibrationEvidence evidence = CalibrationEvidence.NONE;
        for (EvaluatedQuestion question : questions) {
            double[] served = Comparison.array(question.of(Method.CALIBRATED));
            GradedAnswer graded = GradedAnswer.of(new LabelledProbabilities(served, question.truth()));
            AccuracySums one = AccuracySums.of(graded.confidence()).labelled(graded.right());
            Double pValue = answers.get(question.id()).getFamiliarityP();
            sums = sums.plus(pValue == null ? one : one.judged(ScoreCalibration.isUnfamiliar(pValue)));
            evidence = evidence.plus(CalibrationEvidence.of(0, served, question.truth()));
        }
        return new Observed(
                MonitoringRecords.accuracy(sums),
                sums.judged(),
                sums.unfamiliar(),
                null,
                MonitoringRecords.calibration(evidence, sums.labels()));
    }
}
