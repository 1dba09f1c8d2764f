package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * A real model's answers cut at random into labels to calibrate on and the rest to judge by; split s is the same
 * everywhere.
 */
final class RandomSplits {
    private static final Map<String, RandomSplits> MODELS = new ConcurrentHashMap<>();

    private final List<LabelledContrasts> answers;
    private final List<LabelledLogits> logits;
    private final List<SampledAnswer> fitted;
    private final List<SampledAnswer> judged;
    private final LabelFree labelFree;
    private final Calibrator calibrator = new Calibrator();
    private final List<Calibrator.Sampled> sampled;
    private final List<Calibrator.Sampled> served;
    private final Map<List<Integer>, Averages> done = new ConcurrentHashMap<>();

    /** Mean NLL of the rest of each average, against temperature's on the same labels. */
    record Averages(double all, double forward) {}

    private RandomSplits(String model) {
        answers = RealAnswers.of(model);
        logits = answers.stream().map(LabelledContrasts::logits).toList();
        fitted = Answers.sampled(answers, new Link(LinkFunction.MC, Calibrator.POINTS, 0));
        judged = Answers.sampled(answers, new Link(LinkFunction.MC, 256, 7)); // other points than the fit's
        labelFree = new LabelFree("sst2".equals(model) ? 1 / 46.445 : 1 / 91.0, RealAnswers.noise(answers));
        sampled = calibrator.sample(answers, labelFree.variance());
        served = new Calibrator(256).sample(answers, labelFree.variance());
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

    /** Mean NLL of all questions without labels; with tier forward's members or tier all's. */
    double labelFree(boolean forward) {
        CalibrationResult none = calibrator.calibrate(List.of(), labelFree);
        return sampled.stream()
                .mapToDouble(one -> one.negativeLogLikelihood(forward ? none.forward() : none.all()))
                .average()
                .orElseThrow();
    }

    /** Mean NLL of the rest under temperature scaling, which is cheap: over many splits. */
    double temperature(int labels, int splits) {
        return IntStream.range(0, splits)
                .parallel()
                .mapToDouble(s -> {
                    List<Integer> order = order(s);
                    return rest(order, labels, scaledBy(temperature(order, labels)));
                })
                .average()
                .orElseThrow();
    }

    private IntToDoubleFunction scaledBy(double temperature) {
        return i -> logits.get(i).negativeLogLikelihood(temperature);
    }

    private double temperature(List<Integer> order, int labels) {
        return TemperatureScaling.fit(
                order.subList(0, labels).stream().map(logits::get).toList());
    }

    /** Mean NLL of the rest under (T, c) against temperature's. */
    double variance(VariancePrior prior, int labels, int splits) {
        VarianceFit fit = new VarianceFit(prior);
        return IntStream.range(0, splits)
                .parallel()
                .mapToDouble(s -> {
                    List<Integer> order = order(s);
                    List<Integer> head = order.subList(0, labels);
                    VarianceScaling both =
                            fit.fit(head.stream().map(fitted::get).toList());
                    return rest(
                                    order,
                                    labels,
                                    i -> judged.get(i).negativeLogLikelihood(both.temperature(), both.scale()))
                            - rest(order, labels, scaledBy(temperature(order, labels)));
                })
                .average()
                .orElseThrow();
    }

    /** What the averages serve against temperature. */
    Averages averages(int labels, int splits) {
        return done.computeIfAbsent(List.of(labels, splits), key -> {
            List<Averages> all = IntStream.range(0, splits)
                    .parallel()
                    .mapToObj(s -> averages(order(s), labels))
                    .toList();
            return new Averages(
                    all.stream().mapToDouble(Averages::all).average().orElseThrow(),
                    all.stream().mapToDouble(Averages::forward).average().orElseThrow());
        });
    }

    private Averages averages(List<Integer> order, int labels) {
        int[] fold = IntStream.range(0, labels).map(i -> i % Calibrator.FOLDS).toArray();
        CalibrationResult found = calibrator.calibrate(
                order.subList(0, labels).stream().map(sampled::get).toList(), fold, labelFree);
        double temperature = rest(order, labels, scaledBy(found.temperature()));
        return new Averages(
                rest(order, labels, i -> served.get(i).negativeLogLikelihood(found.all())) - temperature,
                rest(order, labels, i -> served.get(i).negativeLogLikelihood(found.forward())) - temperature);
    }

    /** Mean NLL of the rest by tier all, where the labels have no covariance. */
    double means(int labels, int splits) {
        return IntStream.range(0, splits)
                .parallel()
                .mapToDouble(s -> {
                    List<Integer> order = order(s);
                    CalibrationResult found = calibrator.calibrateMeans(
                            order.subList(0, labels).stream().map(answers::get).toList(), labelFree);
                    return rest(order, labels, i -> served.get(i).negativeLogLikelihood(found.all()));
                })
                .average()
                .orElseThrow();
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
