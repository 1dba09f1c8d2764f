package io.calibrant.fitter.posteriors;

import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * All that a posterior is calibrated on, as it is at one moment.
 *
 * @param base the posterior whose factors and prior precision are the present ones, as it was before any calibration;
 *     its version is the first that has them
 * @param answers the labelled validation answers of this checkpoint, by question
 * @param spectra of every block of the base, in its order
 * @param statistics predictive statistics of this checkpoint, by question; empty unless labels choose the prior
 */
public record CalibrationSet(
        Posterior base,
        Map<String, CalibrationAnswer> answers,
        List<FactorUpdate> spectra,
        Map<String, PredictiveStatistics> statistics) {
    public CalibrationSet {
        answers = Map.copyOf(answers);
        spectra = List.copyOf(spectra);
        statistics = Map.copyOf(statistics);
    }

    /** The same without some of the questions. */
    CalibrationSet without(Predicate<String> questions) {
        return new CalibrationSet(base, without(answers, questions), spectra, without(statistics, questions));
    }

    private static <V> Map<String, V> without(Map<String, V> all, Predicate<String> questions) {
        Map<String, V> left = new HashMap<>(all);
        left.keySet().removeIf(questions);
        return left;
    }
}
