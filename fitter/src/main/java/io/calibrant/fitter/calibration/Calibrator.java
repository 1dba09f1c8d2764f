package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
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

    /**
     * A member, and what it is without each part of the labels.
     *
     * @param member fitted on all
     * @param without fitted on the other parts, by part
     * @param logLikelihoods of each label by the one that has not seen it, nats
     */
    @SuppressWarnings("ArrayRecordComponent") // never leaves this package, compared by nobody
    record Fitted(Member member, List<Member> without, double[] logLikelihoods) {
        /** Of the labels of the other parts, each by the fit without its own part, which has this one. */
        double logLikelihoodWithout(int part, int[] fold) {
            double sum = 0;
            for (int i = 0; i < fold.length; i++) {
                sum += fold[i] == part ? 0 : logLikelihoods[i];
            }
            return sum;
        }

        VarianceScaling scaling() {
            return new VarianceScaling(member.temperature(), member.scale());
        }
    }

    /** The members of each tier. */
    private record Tiers(
            double temperature, VarianceScaling variance, List<Fitted> all, List<Fitted> forward, List<Fitted> map) {
        CalibrationResult result(int labels, CrossFitted crossFitted) {
            return new CalibrationResult(
                    labels, temperature, variance, weighted(all), weighted(forward), weighted(map), crossFitted);
        }

        private static List<Member> weighted(List<Fitted> members) {
            return PseudoBma.weighted(members.stream().map(Fitted::member).toList());
        }

        /** What each tier serves of the answers that it was fitted on. */
        CrossFitted crossFitted(List<LabelledContrasts> answers, int[] fold, Link link) {
            return answers.isEmpty()
                    ? CrossFitted.NONE
                    : new CrossFitted(
                            CrossFitted.of(all, fold, answers, link),
                            CrossFitted.of(forward, fold, answers, link),
                            CrossFitted.of(map, fold, answers, link));
        }
    }

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
        int[] fold = folds(sorted);
        Tiers tiers = tiers(sample(sorted, labelFree.variance()), fold, labelFree);
        return tiers.result(sorted.size(), tiers.crossFitted(sorted, fold, link));
    }

    /** The same where nothing is known without labels. */
    public CalibrationResult calibrate(Collection<LabelledContrasts> answers) {
        return calibrate(answers, LabelFree.NONE);
    }

    /**
     * What answers without a covariance decide. These cannot weigh what needs the question's own, so tier all is
     * without it: noise and temperature are left.
     *
     * @param answers one for each question, possibly none, of which the means count; not modified
     * @param labelFree what is known without labels
     * @throws IllegalArgumentException naming the question, if there are two answers to one
     */
    public CalibrationResult calibrateMeans(Collection<LabelledContrasts> answers, LabelFree labelFree) {
        List<LabelledContrasts> sorted = sorted(answers);
        int[] fold = folds(sorted);
        List<Sampled> means = sorted.stream()
                .map(answer -> new Sampled(answer.logits(), null, noisy(answer, labelFree.variance())))
                .toList();
        Tiers tiers = withoutCovariances(means, fold, labelFree);
        return tiers.result(sorted.size(), tiers.crossFitted(sorted, fold, link));
    }

    /** The same where nothing is known without labels: temperature, at every tier. */
    public CalibrationResult calibrateMeans(Collection<LabelledContrasts> answers) {
        return calibrateMeans(answers, LabelFree.NONE);
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
                        noisy(answer, variance)))
                .toList();
    }

    private SampledAnswer noisy(LabelledContrasts answer, Double variance) {
        return variance == null ? null : SampledAnswer.of(answer.sample(link, variance), answer.label());
    }

    /** @param fold of each answer, 0, 1, ... */
    CalibrationResult calibrate(List<Sampled> answers, int[] fold, LabelFree labelFree) {
        return tiers(answers, fold, labelFree).result(answers.size(), CrossFitted.NONE);
    }

    private Tiers tiers(List<Sampled> answers, int[] fold, LabelFree labelFree) {
        List<SampledAnswer> own = answers.stream().map(Sampled::own).toList();
        Tiers without = withoutCovariances(answers, fold, labelFree);
        Fitted variance = fitted(Member.TEMPERATURE_VARIANCE, own, fold, null);
        List<Fitted> all = new ArrayList<>();
        if (labelFree.scale() != null) {
            all.add(fixed(Member.SCALED, own, fold, labelFree.scale(), null));
        }
        all.addAll(without.all());
        if (!answers.isEmpty()) {
            all.add(variance);
        }
        return new Tiers(without.temperature(), variance.scaling(), all, without.forward(), without.map());
    }

    /** The tiers by those of their members that need no covariance of a question. */
    private Tiers withoutCovariances(List<Sampled> answers, int[] fold, LabelFree labelFree) {
        List<LabelledLogits> logits = answers.stream().map(Sampled::logits).toList();
        List<SampledAnswer> noisy = answers.stream().map(Sampled::noisy).toList();
        Double c0 = labelFree.scale();
        Double v = labelFree.variance();
        double temperature = TemperatureScaling.fit(logits);
        List<Fitted> all = new ArrayList<>();
        if (c0 != null && v != null) {
            all.add(fixed(Member.NOISE, noisy, fold, c0, v));
        }
        List<Fitted> map = answers.isEmpty() ? List.of() : List.of(temperature(logits, fold, temperature));
        all.addAll(map);
        List<Fitted> forward = new ArrayList<>(all);
        if (!answers.isEmpty() && v != null) {
            forward.add(fitted(Member.TEMPERATURE_NOISE, noisy, fold, v));
        }
        return new Tiers(temperature, fit.fit(List.of()), all, forward, map);
    }

    /** Of what no label has chosen, the cross-validated log likelihood is the plain one. */
    private static Fitted fixed(String name, List<SampledAnswer> answers, int[] fold, double scale, Double variance) {
        double[] logLikelihoods = answers.stream()
                .mapToDouble(answer -> -answer.negativeLogLikelihood(1, scale))
                .toArray();
        Member member = new Member(name, 1, scale, variance, 0, answers.isEmpty() ? null : sum(logLikelihoods));
        return new Fitted(member, Collections.nCopies(parts(fold), member), logLikelihoods);
    }

    private static double sum(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum;
    }

    private static Fitted temperature(List<LabelledLogits> logits, int[] fold, double temperature) {
        double[] without = IntStream.range(0, parts(fold))
                .mapToDouble(part -> TemperatureScaling.fit(chosen(logits, i -> fold[i] != part)))
                .toArray();
        double[] logLikelihoods = new double[fold.length];
        for (int i = 0; i < fold.length; i++) {
            logLikelihoods[i] = -logits.get(i).negativeLogLikelihood(without[fold[i]]);
        }
        return new Fitted(
                new Member(Member.TEMPERATURE, temperature, 0, null, 0, sum(logLikelihoods)),
                Arrays.stream(without)
                        .mapToObj(each -> new Member(Member.TEMPERATURE, each, 0, null, 0, null))
                        .toList(),
                logLikelihoods);
    }

    private Fitted fitted(String name, List<SampledAnswer> answers, int[] fold, Double variance) {
        VarianceScaling all = fit.fit(answers);
        List<List<SampledAnswer>> parts = IntStream.range(0, parts(fold))
                .mapToObj(part -> chosen(answers, i -> fold[i] == part))
                .toList();
        List<VarianceScaling> without = fit.withoutEach(parts, all);
        double[] logLikelihoods = new double[fold.length];
        for (int i = 0; i < fold.length; i++) {
            VarianceScaling at = without.get(fold[i]);
            logLikelihoods[i] = -answers.get(i).negativeLogLikelihood(at.temperature(), at.scale());
        }
        return new Fitted(
                new Member(name, all.temperature(), all.scale(), variance, 0, sum(logLikelihoods)),
                without.stream()
                        .map(each -> new Member(name, each.temperature(), each.scale(), variance, 0, null))
                        .toList(),
                logLikelihoods);
    }

    private static int parts(int[] fold) {
        return IntStream.of(fold).max().orElse(-1) + 1;
    }

    private static <T> List<T> chosen(List<T> all, IntPredicate who) {
        return IntStream.range(0, all.size()).filter(who).mapToObj(all::get).toList();
    }
}
