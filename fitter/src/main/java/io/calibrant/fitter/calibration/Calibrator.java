package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * Fits temperature and (T, c) on labelled answers and weighs them, and the members that need no label, by how likely
 * they make the labels (method.md section 5): each label by a fit that has not seen it, in 10 folds. No rule picks a
 * winner: with few labels the weights are nearly equal, with many the best has all of it. Immutable but for the cache
 * of its points; safe for use by several threads.
 */
public final class Calibrator {
    /** Parts of the cross-validation; no more than there are labels are made. */
    static final int FOLDS = 10;

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
     * An answer as the fits see it.
     *
     * @param own the points of its own covariance; null where it has none
     * @param noisy the points of the noise of a logit; null where that is not known
     */
    record Sampled(LabelledLogits logits, SampledAnswer own, SampledAnswer noisy) {
        /** -log of the members' average at the label, nats; MAP's without members. */
        double negativeLogLikelihood(List<Member> members) {
            if (members.isEmpty()) {
                return logits.negativeLogLikelihood(1);
            }
            double sum = 0;
            for (Member member : members) {
                sum += member.weight() * Math.exp(-negativeLogLikelihood(member));
            }
            return -Math.log(Math.max(Double.MIN_VALUE, sum));
        }

        private double negativeLogLikelihood(Member member) {
            if (member.scale() == 0) {
                return logits.negativeLogLikelihood(member.temperature());
            }
            return (member.variance() == null ? own : noisy)
                    .negativeLogLikelihood(member.temperature(), member.scale());
        }
    }

    /** A member that was fitted, and its T and c. */
    private record Fitted(Member member, VarianceScaling scaling) {}

    /**
     * What the answers decide, whatever their order.
     *
     * @param answers one for each question, possibly none; not modified
     * @param labelFree what is known without labels
     * @throws IllegalArgumentException naming the question, if there are two answers to one or a covariance is
     *     indefinite
     */
    public CalibrationResult calibrate(Collection<LabelledContrasts> answers, LabelFree labelFree) {
        List<LabelledContrasts> sorted = sorted(answers);
        return calibrate(sample(sorted, labelFree.variance()), folds(sorted), labelFree);
    }

    /** The same where nothing is known without labels. */
    public CalibrationResult calibrate(Collection<LabelledContrasts> answers) {
        return calibrate(answers, LabelFree.NONE);
    }

    /** What answers without a covariance decide: temperature, at every tier. */
    public CalibrationResult calibrateMeans(Collection<LabelledContrasts> answers) {
        List<LabelledContrasts> sorted = sorted(answers);
        List<LabelledLogits> logits =
                sorted.stream().map(LabelledContrasts::logits).toList();
        double temperature = TemperatureScaling.fit(logits);
        List<Member> alone = sorted.isEmpty()
                ? List.of()
                : PseudoBma.weighted(List.of(temperature(logits, folds(sorted), temperature)));
        return new CalibrationResult(sorted.size(), temperature, fit.fit(List.of()), alone, alone, alone);
    }

    private static List<LabelledContrasts> sorted(Collection<LabelledContrasts> answers) {
        List<LabelledContrasts> sorted = answers.stream()
                .sorted(Comparator.comparing(LabelledContrasts::questionId))
                .toList();
        for (int i = 1; i < sorted.size(); i++) {
            if (sorted.get(i).questionId().equals(sorted.get(i - 1).questionId())) {
                throw new IllegalArgumentException(
                        "question " + sorted.get(i).questionId() + ": labelled answers must be 1, got 2 or more");
            }
        }
        return sorted;
    }

    private static int[] folds(List<LabelledContrasts> answers) {
        return Folds.of(answers.stream().map(LabelledContrasts::questionId).toList(), FOLDS);
    }

    /** @param variance v of every logit; null where it is not known */
    List<Sampled> sample(List<LabelledContrasts> answers, Double variance) {
        return answers.stream()
                .map(answer -> new Sampled(
                        answer.logits(),
                        SampledAnswer.of(answer.sample(link), answer.label()),
                        variance == null ? null : SampledAnswer.of(answer.sample(link, variance), answer.label())))
                .toList();
    }

    /** @param fold of each answer, 0, 1, ... */
    CalibrationResult calibrate(List<Sampled> answers, int[] fold, LabelFree labelFree) {
        List<LabelledLogits> logits = answers.stream().map(Sampled::logits).toList();
        List<SampledAnswer> own = answers.stream().map(Sampled::own).toList();
        List<SampledAnswer> noisy = answers.stream().map(Sampled::noisy).toList();
        Double c0 = labelFree.scale();
        Double v = labelFree.variance();
        double temperature = TemperatureScaling.fit(logits);
        Fitted variance = fitted(Member.TEMPERATURE_VARIANCE, own, fold, null);
        List<Member> all = new ArrayList<>();
        List<Member> forward = new ArrayList<>();
        if (c0 != null) {
            all.add(fixed(Member.SCALED, own, c0, null));
        }
        if (c0 != null && v != null) {
            Member noise = fixed(Member.NOISE, noisy, c0, v);
            all.add(noise);
            forward.add(noise);
        }
        List<Member> map = List.of();
        if (!answers.isEmpty()) {
            map = List.of(temperature(logits, fold, temperature));
            all.addAll(map);
            all.add(variance.member);
            forward.addAll(map);
            if (v != null) {
                forward.add(fitted(Member.TEMPERATURE_NOISE, noisy, fold, v).member);
            }
        }
        return new CalibrationResult(
                answers.size(),
                temperature,
                variance.scaling,
                PseudoBma.weighted(all),
                PseudoBma.weighted(forward),
                PseudoBma.weighted(map));
    }

    /** Of what no label has chosen, the cross-validated log likelihood is the plain one. */
    private static Member fixed(String name, List<SampledAnswer> answers, double scale, Double variance) {
        double sum = 0;
        for (SampledAnswer answer : answers) {
            sum -= answer.negativeLogLikelihood(1, scale);
        }
        return new Member(name, 1, scale, variance, 0, answers.isEmpty() ? null : sum);
    }

    private static Member temperature(List<LabelledLogits> logits, int[] fold, double temperature) {
        double[] without = IntStream.range(0, parts(fold))
                .mapToDouble(part -> TemperatureScaling.fit(chosen(logits, i -> fold[i] != part)))
                .toArray();
        double sum = 0;
        for (int i = 0; i < fold.length; i++) {
            sum -= logits.get(i).negativeLogLikelihood(without[fold[i]]);
        }
        return new Member(Member.TEMPERATURE, temperature, 0, null, 0, sum);
    }

    private Fitted fitted(String name, List<SampledAnswer> answers, int[] fold, Double variance) {
        VarianceScaling all = fit.fit(answers);
        List<List<SampledAnswer>> parts = IntStream.range(0, parts(fold))
                .mapToObj(part -> chosen(answers, i -> fold[i] == part))
                .toList();
        List<VarianceScaling> without = fit.withoutEach(parts, all);
        double sum = 0;
        for (int i = 0; i < fold.length; i++) {
            VarianceScaling at = without.get(fold[i]);
            sum -= answers.get(i).negativeLogLikelihood(at.temperature(), at.scale());
        }
        return new Fitted(new Member(name, all.temperature(), all.scale(), variance, 0, sum), all);
    }

    private static int parts(int[] fold) {
        return IntStream.of(fold).max().orElse(-1) + 1;
    }

    private static <T> List<T> chosen(List<T> all, IntPredicate who) {
        return IntStream.range(0, all.size()).filter(who).mapToObj(all::get).toList();
    }
}
