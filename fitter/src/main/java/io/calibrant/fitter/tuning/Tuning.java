package io.calibrant.fitter.tuning;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Fits temperature and (T, c) on labelled answers and decides which of them serves (method.md section 5): (T, c) where its
 * 10-fold cross-validated NLL beats temperature's by more than one standard error of the paired difference, else temperature.
 * Without labels the evidence. Immutable but for the cache of its points; safe for use by several threads.
 */
public final class Tuning {
    /** Parts of the cross-validation. */
    static final int FOLDS = 10;

    /** Points of the fit: on real answers they move the NLL of other questions by 7e-4 at most against 16,384; 256 by 2e-3. */
    static final int POINTS = 512;

    private final Link link;
    private final VarianceFit fit = new VarianceFit(VariancePrior.WEAK);

    /** With the points of the house. */
    public Tuning() {
        this(POINTS);
    }

    Tuning(int points) {
        this.link = new Link(LinkFunction.MC, points, 0);
    }

    /**
     * What the answers decide, whatever their order.
     *
     * @param answers one for each question, possibly none; not modified
     * @throws IllegalArgumentException naming the question, if there are two answers to one or a covariance is indefinite
     */
    public Tuned tune(Collection<LabelledAnswer> answers) {
        List<LabelledAnswer> sorted = answers.stream()
                .sorted(Comparator.comparing(LabelledAnswer::questionId))
                .toList();
        for (int i = 1; i < sorted.size(); i++) {
            if (sorted.get(i).questionId().equals(sorted.get(i - 1).questionId())) {
                throw new IllegalArgumentException(
                        "question " + sorted.get(i).questionId() + " has two labelled answers; one each is accepted");
            }
        }
        List<LabelledLogits> logits =
                sorted.stream().map(LabelledAnswer::logits).toList();
        List<SampledAnswer> samples = sorted.stream()
                .map(answer -> SampledAnswer.of(answer.sample(link), answer.label()))
                .toList();
        VarianceScaling variance = fit.fit(samples);
        Optional<CrossValidation> validation =
                crossValidate(sorted.stream().map(LabelledAnswer::questionId).toList(), logits, samples, variance);
        Serving serving = sorted.isEmpty()
                ? Serving.EVIDENCE
                : validation.filter(CrossValidation::varianceHelps).isPresent()
                        ? Serving.TEMPERATURE_VARIANCE
                        : Serving.TEMPERATURE;
        return new Tuned(sorted.size(), TemperatureScaling.fit(logits), variance, validation, serving);
    }

    private Optional<CrossValidation> crossValidate(
            List<String> ids, List<LabelledLogits> logits, List<SampledAnswer> samples, VarianceScaling start) {
        int n = ids.size();
        if (n < 2) {
            return Optional.empty();
        }
        int[] fold = Folds.of(ids, FOLDS);
        double[] temperatureNll = new double[n];
        double[] varianceNll = new double[n];
        for (int part = 0; part < Math.min(FOLDS, n); part++) {
            List<LabelledLogits> otherLogits = new ArrayList<>();
            List<SampledAnswer> otherSamples = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                if (fold[i] != part) {
                    otherLogits.add(logits.get(i));
                    otherSamples.add(samples.get(i));
                }
            }
            double temperature = TemperatureScaling.fit(otherLogits);
            VarianceScaling variance = fit.fit(otherSamples, start);
            for (int i = 0; i < n; i++) {
                if (fold[i] == part) {
                    temperatureNll[i] = logits.get(i).negativeLogLikelihood(temperature);
                    varianceNll[i] = samples.get(i).negativeLogLikelihood(variance.temperature(), variance.scale());
                }
            }
        }
        return Optional.of(paired(temperatureNll, varianceNll));
    }

    private static CrossValidation paired(double[] temperatureNll, double[] varianceNll) {
        int n = temperatureNll.length;
        double temperature = 0;
        double variance = 0;
        for (int i = 0; i < n; i++) {
            temperature += temperatureNll[i] / n;
            variance += varianceNll[i] / n;
        }
        double squares = 0;
        for (int i = 0; i < n; i++) {
            double off = temperatureNll[i] - varianceNll[i] - (temperature - variance);
            squares += off * off;
        }
        return new CrossValidation(temperature, variance, Math.sqrt(squares / (n - 1) / n));
    }
}
