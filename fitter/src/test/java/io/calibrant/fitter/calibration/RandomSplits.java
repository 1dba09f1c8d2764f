package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * A real model's answers cut at random into labels to tune on and the rest to judge by; split s is the same everywhere.
 */
final class RandomSplits {
    private static final Map<String, RandomSplits> MODELS = new ConcurrentHashMap<>();

    private final List<LabelledContrasts> answers;
    private final List<LabelledLogits> logits;
    private final List<SampledAnswer> fitted;
    private final List<SampledAnswer> judged;
    private final Calibrator calibrator = new Calibrator();
    private final Map<List<Integer>, Rule> done = new ConcurrentHashMap<>();

    /** Mean NLL of the rest against temperature's, and how often (T, c) was adopted. */
    record Rule(double nll, double adopted) {}

    private RandomSplits(String model) {
        answers = RealAnswers.of(model);
        logits = answers.stream().map(LabelledContrasts::logits).toList();
        fitted = Answers.sampled(answers, new Link(LinkFunction.MC, Calibrator.POINTS, 0));
        judged = Answers.sampled(answers, new Link(LinkFunction.MC, 256, 7)); // other points than the fit's
    }

    static RandomSplits of(String model) {
        return MODELS.computeIfAbsent(model, RandomSplits::new);
    }

    /** Mean NLL of all questions as the model gives them. */
    double map() {
        return logits.stream()
                .mapToDouble(one -> one.negativeLogLikelihood(1))
                .average()
                .orElseThrow();
    }

    /** Mean NLL of all questions by the evidence alone; its variances are large and need many points. */
    double evidence() {
        return Answers.sampled(answers, new Link(LinkFunction.MC, 4096, 0)).stream()
                .mapToDouble(one -> one.negativeLogLikelihood(1, 1))
                .average()
                .orElseThrow();
    }

    /** Mean NLL of the rest under temperature scaling, which is cheap: over many splits. */
    double temperature(int labels, int splits) {
        return IntStream.range(0, splits)
                .parallel()
                .mapToDouble(s -> {
                    List<Integer> order = order(s);
                    double t = TemperatureScaling.fit(
                            order.subList(0, labels).stream().map(logits::get).toList());
                    return rest(order, labels, i -> logits.get(i).negativeLogLikelihood(t));
                })
                .average()
                .orElseThrow();
    }

    /** Mean NLL of the rest under (T, c) against temperature's. */
    double variance(VariancePrior prior, int labels, int splits) {
        VarianceFit fit = new VarianceFit(prior);
        return IntStream.range(0, splits)
                .parallel()
                .mapToDouble(s -> {
                    List<Integer> order = order(s);
                    List<Integer> head = order.subList(0, labels);
                    double t = TemperatureScaling.fit(
                            head.stream().map(logits::get).toList());
                    VarianceScaling both =
                            fit.fit(head.stream().map(fitted::get).toList());
                    return variance(order, labels, both)
                            - rest(order, labels, i -> logits.get(i).negativeLogLikelihood(t));
                })
                .average()
                .orElseThrow();
    }

    /** What the rule serves against temperature. */
    Rule rule(int labels, int splits) {
        return done.computeIfAbsent(List.of(labels, splits), key -> {
            double[] differences = IntStream.range(0, splits)
                    .parallel()
                    .mapToDouble(s -> rule(order(s), labels))
                    .toArray();
            return new Rule(
                    Arrays.stream(differences).average().orElseThrow(),
                    Arrays.stream(differences).filter(x -> x != 0).count() / (double) splits);
        });
    }

    private double rule(List<Integer> order, int labels) {
        CalibrationResult calibrated = calibrator.calibrate(
                order.subList(0, labels).stream().map(answers::get).toList());
        if (calibrated.serving() != ServedCalibration.TEMPERATURE_VARIANCE) {
            return 0;
        }
        return variance(order, labels, calibrated.variance())
                - rest(order, labels, i -> logits.get(i).negativeLogLikelihood(calibrated.temperature()));
    }

    private double variance(List<Integer> order, int labels, VarianceScaling at) {
        return rest(order, labels, i -> judged.get(i).negativeLogLikelihood(at.temperature(), at.scale()));
    }

    private static double rest(List<Integer> order, int labels, IntToDoubleFunction nll) {
        return order.subList(labels, order.size()).stream()
                .mapToDouble(i -> nll.applyAsDouble(i))
                .average()
                .orElseThrow();
    }

    private List<Integer> order(int split) {
        List<Integer> order =
                new ArrayList<>(IntStream.range(0, answers.size()).boxed().toList());
        Collections.shuffle(order, new Random(split));
        return order;
    }
}
