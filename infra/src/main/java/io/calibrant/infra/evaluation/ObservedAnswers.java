package io.calibrant.infra.evaluation;

import io.calibrant.fitter.monitoring.AccuracySums;
import io.calibrant.fitter.monitoring.CalibrationEvidence;
import io.calibrant.fitter.records.MonitoringRecords;
import io.calibrant.infra.assessment.Observed;
import io.calibrant.infra.report.EvaluatedQuestion;
import io.calibrant.infra.report.Method;
import java.util.List;

/** How a fit has done on the evaluated questions, as the fitter says it of all of them. Pure. */
final class ObservedAnswers {
    private ObservedAnswers() {}

    /** Of labelled questions. */
    static Observed of(List<EvaluatedQuestion> questions) {
        AccuracySums sums = AccuracySums.NONE;
        CalibrationEvidence evidence = CalibrationEvidence.NONE;
        for (EvaluatedQuestion question : questions) {
            double[] served = Comparison.array(question.of(Method.CALIBRATED));
            double confidence = 0;
            for (double p : served) {
                confidence = Math.min(1, Math.max(confidence, p));
            }
            sums = sums.plus(AccuracySums.of(confidence).labelled(question.right(Method.CALIBRATED)));
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
