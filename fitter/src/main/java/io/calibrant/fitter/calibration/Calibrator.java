package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Fits temperature and (T, c) on labelled answers and decides which of them serves (method.md section 5): (T, c) where
 * its 10-fold cross-validated NLL beats temperature's by more than one standard error of the paired difference, else
 * temperature. With fewer than 10 labels temperature, without any the evidence. What makes its own labels less likely
 * than the model as it was is never chosen: then temperature serves instead of (T, c), and T = 1 instead of another
 * one. Immutable but for the cache of its points; safe for use by several threads.
 */
public final class Calibrator {
    /** Parts of the cross-validation. */
    static final int FOLDS = 10;

    /**
     * With fewer labels than parts there is no cross-validation: temperature serves. (The over-fitted real model, mean
     * of 1,500 random splits: with 5 labels the rule would cost .0036 of NLL against temperature, with 10 it costs
     * .0013, and from one label on temperature is far better than the evidence.)
     */
    static final int FEWEST = FOLDS;

    /**
     * Points of the fit: on real answers they move the NLL of other questions by 7e-4 at most against 16,384; 256 by
     * 2e-3.
     */
    static final int POINTS = 512;

    private final Link link;
    private final VarianceFit fit = new VarianceFit(VariancePrior.WEAK);

    /** With the default number of points. */
    public Calibrator() {
        this(POINTS);
    }

    Calibrator(int points) {
        this.link = new Link(LinkFunction.MC, points, 0);
    }

    /**
     * What the answers decide, whatever their order.
     *
     * @param answers one for each question, possibly none; not modified
     * @throws IllegalArgumentException naming the question, if there are two answers to one or a covariance is
     *     indefinite
     */
    public CalibrationResult calibrate(Collection<LabelledContrasts> answers) {
        List<LabelledContrasts> sorted = answers.stream()
                .sorted(Comparator.comparing(LabelledContrasts::questionId))
                .toList();
        for (int i = 1; i < sorted.size(); i++) {
            if (sorted.get(i).questionId().equals(sorted.get(i - 1).questionId())) {
                throw new IllegalArgumentException(
                        "question " + sorted.get(i).questionId() + ": labelled answers must be 1, got 2 or more");
            }
        }
        List<LabelledLogits> logits =
                sorted.stream().map(LabelledContrasts::logits).toList();
        List<SampledAnswer> samples = sorted.stream()
                .map(answer -> SampledAnswer.of(answer.sample(link), answer.label()))
                .toList();
        VarianceScaling variance = fit.fit(samples);
        Optional<CrossValidation> validation = sorted.size() < FEWEST
                ? Optional.empty()
                : Optional.of(crossValidate(
                        Folds.of(
                                sorted.stream()
                                        .map(LabelledContrasts::questionId)
                                        .toList(),
                                FOLDS),
                        logits,
                        samples,
                        variance));
        double asItWas = mean(logits, each -> each.negativeLogLikelihood(1));
        double fitted = TemperatureScaling.fit(logits);
        double temperature = mean(logits, each -> each.negativeLogLikelihood(fitted)) <= asItWas ? fitted : 1;
        double scaled = mean(samples, each -> each.negativeLogLikelihood(variance.temperature(), variance.scale()));
        return new CalibrationResult(
                sorted.size(), temperature, variance, validation, serving(sorted.size(), validation, scaled, asItWas));
    }

    /**
     * What serves.
     *
     * @param scaled mean NLL of (T, c) on the labels, nats
     * @param asItWas mean NLL of the model as it was, MAP, on the labels, nats
     */
    private static ServedCalibration serving(
            int labels, Optional<CrossValidation> validation, double scaled, double asItWas) {
        if (labels == 0) {
            return ServedCalibration.EVIDENCE;
        }
        boolean helps = validation
                .filter(CrossValidation::varianceHelps)
                .filter(figures -> figures.varianceNll() <= asItWas && scaled <= asItWas)
                .isPresent();
        return helps ? ServedCalibration.TEMPERATURE_VARIANCE : ServedCalibration.TEMPERATURE;
    }

    private static <T> double mean(List<T> all, ToDoubleFunction<T> value) {
        return all.stream().mapToDouble(value).average().orElse(0);
    }

    private CrossValidation crossValidate(
            int[] fold, List<LabelledLogits> logits, List<SampledAnswer> samples, VarianceScaling all) {
        List<List<SampledAnswer>> parts = IntStream.range(0, FOLDS)
                .mapToObj(part -> chosen(samples, i -> fold[i] == part))
                .toList();
        List<VarianceScaling> variances = fit.withoutEach(parts, all);
        double[] temperatures = IntStream.range(0, FOLDS)
                .mapToDouble(part -> TemperatureScaling.fit(chosen(logits, i -> fold[i] != part)))
                .toArray();
        double[] temperatureNll = new double[fold.length];
        double[] varianceNll = new double[fold.length];
        for (int i = 0; i < fold.length; i++) {
            VarianceScaling variance = variances.get(fold[i]);
            temperatureNll[i] = logits.get(i).negativeLogLikelihood(temperatures[fold[i]]);
            varianceNll[i] = samples.get(i).negativeLogLikelihood(variance.temperature(), variance.scale());
        }
        return paired(temperatureNll, varianceNll);
    }

    private static <T> List<T> chosen(List<T> all, IntPredicate who) {
        return IntStream.range(0, all.size()).filter(who).mapToObj(all::get).toList();
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
