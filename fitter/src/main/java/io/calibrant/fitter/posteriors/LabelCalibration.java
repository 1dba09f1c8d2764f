package io.calibrant.fitter.posteriors;

import io.calibrant.fitter.calibration.CalibrationResult;
import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.LabelFree;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.calibration.LogitNoise;
import io.calibrant.fitter.calibration.Member;
import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.FamiliarityBasis;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.avro.TierMembers;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * Calibrates a posterior (method.md section 5c and d): temperature, (T, c), the weights of what is averaged, the noise
 * of a logit, and where asked the prior. A function of its input set alone: not of the order in which that came, nor of
 * the time.
 */
public final class LabelCalibration {
    private static final double ROUNDING = 1e-9;

    /**
     * A posterior holds so many scores of validation questions at most, and of others that were unfamiliar. As many of
     * the latter are kept, and of questions for the noise.
     */
    private static final int MOST_SCORES = 2000;

    /** An order of questions that has nothing to do with what they are, or with when they came. */
    private static final Comparator<Map.Entry<String, CalibrationAnswer>> SHUFFLED =
            Comparator.<Map.Entry<String, CalibrationAnswer>>comparingInt(
                            each -> each.getKey().hashCode())
                    .thenComparing(Map.Entry::getKey);

    private final PriorObjective objective;
    private final PosteriorFactory factory;
    private final PriorCalibration priors;
    private final Calibrator calibrator = new Calibrator();

    public LabelCalibration(PriorObjective objective, PosteriorFactory factory) {
        this.objective = objective;
        this.factory = factory;
        priors = new PriorCalibration(factory);
    }

    /**
     * What came of a calibration.
     *
     * @param posterior the calibrated one; null where it failed
     * @param failure what it failed by; null where it did not
     * @param unusable the questions whose records alone make it fail, if it is they
     */
    public record Outcome(Posterior posterior, RuntimeException failure, List<String> unusable) {}

    /** {@link #of}, and where it fails, by which questions. */
    public Outcome attempt(CalibrationSet set) {
        try {
            return new Outcome(of(set), null, List.of());
        } catch (RuntimeException e) {
            return new Outcome(null, e, unusable(set));
        }
    }

    /** The questions that make it fail one by one; none where it fails without any. */
    private List<String> unusable(CalibrationSet set) {
        if (fails(set.without(id -> true))) {
            return List.of();
        }
        Set<String> ids = new TreeSet<>(set.answers().keySet());
        ids.addAll(set.statistics().keySet());
        return ids.stream()
                .filter(id -> fails(set.without(other -> !other.equals(id))))
                .toList();
    }

    private boolean fails(CalibrationSet set) {
        try {
            of(set);
            return false;
        } catch (RuntimeException e) {
            return true;
        }
    }

    /**
     * The calibrated posterior, under the version of the base.
     *
     * <p>With a prior that labels choose, the questions that choose it are also those that (T, c) is fitted to, at that
     * prior. Otherwise the answers count that were made with the factors and the prior of the base. Where some of them
     * rest on all blocks, only these do; where none does, tier all averages noise and temperature.
     *
     * <p>Answers without a label count for the noise of a logit, v: those for validation, and where these are too few
     * with them those for the noise. At a prior that labels choose, v is that of the questions that choose it, where
     * these are too few with those for the noise. Familiarity is ranked among the scores of validation questions,
     * whether their label is known or not, and of labelled questions that were unfamiliar.
     */
    public Posterior of(CalibrationSet set) {
        Posterior calibrated = calibrated(set);
        calibrated.setFamiliarity(familiarity(calibrated, set));
        return calibrated;
    }

    /**
     * The same as {@link #attempt}, where since the last calibration only answers have changed that count for their
     * familiarity alone: nothing else depends on them.
     *
     * @param last what came of the last calibration; not modified
     */
    public Outcome familiarityAlone(CalibrationSet set, Posterior last) {
        Posterior posterior = Posterior.newBuilder(last)
                .setFamiliarity(familiarity(last, set))
                .build();
        return new Outcome(posterior, null, List.of());
    }

    /**
     * Whether an answer without a label counts neither now nor later. Versions only rise, and the factors of a pass
     * that goes on are replaced.
     *
     * @param last base of the calibration; where there is none, the last posterior of the fit
     */
    public static boolean isPast(CalibrationAnswer answer, Posterior last) {
        if (answer.isLabelled()) {
            return false; // it may yet choose the prior, by its mean
        }
        if (last.getState() == PosteriorState.LIVE) {
            return answer.version() <= last.getVersion();
        }
        return answer.version() < (answer.isForNoise() ? noiseSince(last) : FamiliarityFactory.since(last));
    }

    /**
     * The first version whose answers for the noise count. At a prior that labels have chosen that of the factors, as
     * such questions are asked once, before it is chosen; 0 where that is not known: what is kept was not past before.
     */
    private static long noiseSince(Posterior base) {
        if (base.getObjective() == PriorObjective.EVIDENCE) {
            return base.getVersion();
        }
        return base.getFamiliarity() == null ? 0 : base.getFamiliarity().getSince();
    }

    /**
     * The questions that need not be kept: what is past, and of those for familiarity and for the noise what is more
     * than a posterior holds. Which these are does not depend on order.
     */
    public static List<String> superfluous(Map<String, CalibrationAnswer> answers, Posterior base) {
        List<Map.Entry<String, CalibrationAnswer>> unlabelled = answers.entrySet().stream()
                .filter(each -> !each.getValue().isLabelled())
                .sorted(SHUFFLED)
                .toList();
        List<String> superfluous = new ArrayList<>();
        int unfamiliar = 0;
        int noise = 0;
        for (Map.Entry<String, CalibrationAnswer> each : unlabelled) {
            CalibrationAnswer answer = each.getValue();
            boolean past = isPast(answer, base);
            unfamiliar += !past && answer.isForFamiliarity() ? 1 : 0;
            noise += !past && answer.isForNoise() ? 1 : 0;
            if (past
                    || (answer.isForFamiliarity() && unfamiliar > MOST_SCORES)
                    || (answer.isForNoise() && noise > MOST_SCORES)) {
                superfluous.add(each.getKey());
            }
        }
        return superfluous;
    }

    private Posterior calibrated(CalibrationSet set) {
        Double scale = PosteriorMembers.labelFreeScale(set.spectra());
        PriorCalibration.Found found = objective == PriorObjective.VALIDATION ? priors.of(set) : null;
        if (found != null) {
            Noise noise = Noise.of(set, found.answers());
            LabelFree labelFree = new LabelFree(scale, noise.variance());
            return calibrated(
                    set,
                    found.answers(),
                    found.posterior(),
                    calibrator.calibrate(found.answers(), labelFree),
                    labelFree,
                    noise,
                    Math.max(noise.newest(), newest(found.posterior(), set, found.answers())));
        }
        Posterior base = atTheEvidence(set);
        if (!samePrior(base, set.base())) {
            return PosteriorFactory.usable(
                    PosteriorMembers.withoutLabels(Posterior.newBuilder(base), new LabelFree(scale, null), 0)
                            .build());
        }
        List<LabelledContrasts> whole = new ArrayList<>();
        List<LabelledContrasts> meansOnly = new ArrayList<>();
        set.answers().forEach((id, answer) -> {
            if (answer.isLabelled() && answer.version() >= base.getVersion()) {
                (answer.covariance() == null ? meansOnly : whole).add(answer.labelled(id));
            }
        });
        Noise noise = Noise.of(set, base.getVersion());
        LabelFree labelFree = new LabelFree(scale, noise.variance());
        boolean means = whole.isEmpty() && !meansOnly.isEmpty();
        return calibrated(
                set,
                means ? meansOnly : whole,
                base,
                means ? calibrator.calibrateMeans(meansOnly, labelFree) : calibrator.calibrate(whole, labelFree),
                labelFree,
                noise,
                Math.max(noise.newest(), newest(base, set, means ? meansOnly : whole)));
    }

    private static long newest(Posterior base, CalibrationSet set, List<LabelledContrasts> answers) {
        long newest = base.getTimestamp().toEpochMilli();
        for (LabelledContrasts answer : answers) {
            newest = Math.max(newest, set.answers().get(answer.questionId()).timestamp());
        }
        return newest;
    }

    /**
     * The noise of a logit.
     *
     * @param variance v; null where there are too few questions
     * @param questions that it rests on; 0 where it is not known
     * @param newest time of the newest answer that it rests on, milliseconds; 0 where it is not known
     */
    private record Noise(Double variance, long questions, long newest) {
        static Noise of(CalibrationSet set, long version) {
            List<CalibrationAnswer> usable = set.answers().values().stream()
                    .filter(answer -> answer.version() >= version && answer.covariance() != null)
                    .toList();
            List<CalibrationAnswer> validation =
                    usable.stream().filter(answer -> !answer.isForNoise()).toList();
            List<CalibrationAnswer> all = validation.size() < LogitNoise.FEWEST ? usable : validation;
            return of(
                    all.stream()
                            .mapToDouble(answer -> LogitNoise.variance(answer.sigma()))
                            .toArray(),
                    all.stream().mapToLong(CalibrationAnswer::timestamp).max().orElse(0));
        }

        /**
         * At a prior that labels have chosen. Where the questions that chose it are too few, the answers for the noise
         * are taken with them, with the covariances of the prior that they were made at: nothing else is known of them.
         */
        static Noise of(CalibrationSet set, List<LabelledContrasts> chosenBy) {
            double[] variances = chosenBy.stream()
                    .mapToDouble(answer -> LogitNoise.variance(answer.covariance()))
                    .toArray();
            if (variances.length >= LogitNoise.FEWEST) {
                return of(variances, 0);
            }
            long since = noiseSince(set.base());
            List<CalibrationAnswer> forNoise = set.answers().values().stream()
                    .filter(answer -> answer.isForNoise() && answer.version() >= since)
                    .toList();
            return of(
                    DoubleStream.concat(
                                    Arrays.stream(variances),
                                    forNoise.stream().mapToDouble(answer -> LogitNoise.variance(answer.sigma())))
                            .toArray(),
                    forNoise.stream()
                            .mapToLong(CalibrationAnswer::timestamp)
                            .max()
                            .orElse(0));
        }

        private static Noise of(double[] variances, long newest) {
            OptionalDouble median = LogitNoise.median(variances);
            return median.isPresent()
                    ? new Noise(median.getAsDouble(), variances.length, newest)
                    : new Noise(null, 0, 0);
        }
    }

    /** The base, or where labels have chosen its prior under another setting, the one whose evidence is largest. */
    private Posterior atTheEvidence(CalibrationSet set) {
        return set.base().getObjective() == PriorObjective.EVIDENCE
                ? set.base()
                : factory.with(factory.evidence(set.spectra()).lambdas(), set.base(), set.spectra());
    }

    /** @param answers the labelled ones, of which the result is */
    private static Posterior calibrated(
            CalibrationSet set,
            List<LabelledContrasts> answers,
            Posterior uncalibrated,
            CalibrationResult result,
            LabelFree labelFree,
            Noise noise,
            long newest) {
        Posterior.Builder posterior = PosteriorMembers.with(
                        Posterior.newBuilder(uncalibrated),
                        result,
                        labelFree,
                        noise.questions(),
                        result.crossFitted().at(acceptable(set, answers)))
                .setTimestamp(Instant.ofEpochMilli(newest));
        if (result.labels() > 0) {
            posterior.setTemperature(result.temperature());
            posterior.setTemperatureNll(nll(result, Member.TEMPERATURE));
        }
        if (result.all().stream().anyMatch(member -> member.name().equals(Member.TEMPERATURE_VARIANCE))) {
            posterior.setVarianceTemperature(result.variance().temperature());
            posterior.setVarianceScale(result.variance().scale());
            posterior.setVarianceNll(nll(result, Member.TEMPERATURE_VARIANCE));
        }
        return PosteriorFactory.usable(posterior.build());
    }

    private static Double nll(CalibrationResult result, String name) {
        return result.all().stream()
                .filter(member -> member.name().equals(name))
                .map(member -> -member.logLikelihood() / result.labels())
                .findFirst()
                .orElse(null);
    }

    /**
     * The labelled answers that thresholds rest on, by their places in the order of the question ids: a scorer accepts
     * no answer to an unfamiliar question, so those that are unfamiliar among the others say nothing of what it does.
     */
    private static BitSet acceptable(CalibrationSet set, List<LabelledContrasts> answers) {
        FamiliarityBasis known = familiarity(set.base(), set);
        ScoreCalibration scores = known == null
                ? new ScoreCalibration()
                : new ScoreCalibration(array(known.getScores())).without(array(known.getCheckedScores()));
        long since = FamiliarityFactory.since(set.base());
        List<String> ids =
                answers.stream().map(LabelledContrasts::questionId).sorted().toList();
        BitSet acceptable = new BitSet();
        for (int i = 0; i < ids.size(); i++) {
            CalibrationAnswer answer = set.answers().get(ids.get(i));
            boolean isKnown = answer.familiarity() != null && answer.version() >= since;
            acceptable.set(i, !isKnown || !ScoreCalibration.isUnfamiliar(scores.pValueOfKnown(answer.familiarity())));
        }
        return acceptable;
    }

    private static double[] array(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** With the scores of the questions whose answers were made with the factors of the base, at whatever prior. */
    private static FamiliarityBasis familiarity(Posterior calibrated, CalibrationSet set) {
        long since = FamiliarityFactory.since(set.base());
        List<Double> validation = new ArrayList<>();
        List<Double> checked = new ArrayList<>();
        set.answers().entrySet().stream()
                .filter(each ->
                        each.getValue().familiarity() != null && each.getValue().version() >= since)
                .sorted(SHUFFLED)
                .map(Map.Entry::getValue)
                .forEach(answer -> (answer.isForFamiliarity() ? checked : validation).add(answer.familiarity()));
        return FamiliarityFactory.with(calibrated.getFamiliarity(), most(validation), most(checked));
    }

    /** As many as a posterior holds. */
    private static List<Double> most(List<Double> scores) {
        return scores.subList(0, Math.min(scores.size(), MOST_SCORES));
    }

    /** A posterior as it was before its calibration. */
    public static Posterior uncalibrated(Posterior calibrated) {
        return PosteriorMembers.withoutLabels(
                        Posterior.newBuilder(calibrated), new LabelFree(calibrated.getLabelFreeScale(), null), 0)
                .setTemperature(null)
                .setTemperatureNll(null)
                .setVarianceTemperature(null)
                .setVarianceScale(null)
                .setVarianceNll(null)
                .setFamiliarity(FamiliarityFactory.with(calibrated.getFamiliarity(), List.of(), List.of()))
                .build();
    }

    /** Whether two posteriors of the same factors are equal up to rounding. Versions and times are not compared. */
    public static boolean same(Posterior one, Posterior other) {
        boolean same = one.getLabels() == other.getLabels()
                && one.getCalibration() == other.getCalibration()
                && one.getObjective() == other.getObjective()
                && one.getBlocks().size() == other.getBlocks().size()
                && near(one.getTemperature(), other.getTemperature())
                && near(one.getVarianceTemperature(), other.getVarianceTemperature())
                && near(one.getVarianceScale(), other.getVarianceScale())
                && near(one.getTemperatureNll(), other.getTemperatureNll())
                && near(one.getVarianceNll(), other.getVarianceNll())
                && near(one.getValidationNll(), other.getValidationNll())
                && near(one.getLabelFreeScale(), other.getLabelFreeScale())
                && near(one.getLogitVariance(), other.getLogitVariance())
                && sameTiers(one.getTiers(), other.getTiers())
                && Objects.equals(one.getSelective(), other.getSelective())
                && Objects.equals(one.getFamiliarity(), other.getFamiliarity());
        return same && samePrior(one, other);
    }

    private static boolean sameTiers(List<TierMembers> one, List<TierMembers> other) {
        return allMatch(
                one,
                other,
                (a, b) -> a.getTier().equals(b.getTier())
                        && allMatch(a.getMembers(), b.getMembers(), LabelCalibration::sameMember));
    }

    private static boolean sameMember(CalibrationMember one, CalibrationMember other) {
        return one.getName().equals(other.getName())
                && near(one.getTemperature(), other.getTemperature())
                && near(one.getScale(), other.getScale())
                && near(one.getVariance(), other.getVariance())
                && Math.abs(one.getWeight() - other.getWeight()) <= ROUNDING
                && near(one.getLogLikelihood(), other.getLogLikelihood());
    }

    private static <T> boolean allMatch(List<T> one, List<T> other, BiPredicate<T, T> same) {
        return one.size() == other.size()
                && IntStream.range(0, one.size()).allMatch(i -> same.test(one.get(i), other.get(i)));
    }

    /** Whether two posteriors have the same prior precisions, up to rounding. */
    public static boolean samePrior(Posterior one, Posterior other) {
        for (int i = 0; i < one.getBlocks().size(); i++) {
            if (!near(
                    one.getBlocks().get(i).getLambda(), other.getBlocks().get(i).getLambda())) {
                return false;
            }
        }
        return true;
    }

    private static boolean near(Double one, Double other) {
        if (one == null || other == null) {
            return Objects.equals(one, other);
        }
        return Math.abs(one - other) <= ROUNDING * (Math.abs(one) + Math.abs(other));
    }
}
