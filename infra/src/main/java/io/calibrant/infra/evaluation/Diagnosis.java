package io.calibrant.infra.evaluation;

import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.CrossFitted;
import io.calibrant.fitter.calibration.LabelFree;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.calibration.Member;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.Auroc;
import io.calibrant.fitter.metrics.ClassConditionalSets;
import io.calibrant.fitter.metrics.ConformalSets;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.PredictionSets;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.infra.report.Diagnostics;
import io.calibrant.infra.report.EvaluatedQuestion;
import io.calibrant.infra.report.Method;
import io.calibrant.infra.report.Score;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.scorer.answering.CalibratedPrediction;
import io.calibrant.scorer.answering.Tier;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Conformal sets, and how well the scores of an answer tell wrong from right and unfamiliar from familiar. Pure. */
final class Diagnosis {
    /** Sets miss the true class of at most this share of questions. */
    private static final double ALPHA = 0.1;

    private static final int FOLDS = 10;
    private static final long SEED = 0;

    private Diagnosis() {}

    /**
     * Diagnoses.
     *
     * @param questions evaluated
     * @param answers of theirs, by question id
     * @param posterior that served; the validation answers are served anew with it
     * @param validation labelled validation answers, possibly none
     * @param unfamiliar answers to the questions of the second file, possibly none
     * @param classConditional whether sets are to hold for every class on its own, where the questions have one list of
     *     classes
     */
    static Diagnostics of(
            List<EvaluatedQuestion> questions,
            Map<String, Answer> answers,
            Posterior posterior,
            List<ValidationAnswer> validation,
            Collection<Answer> unfamiliar,
            boolean classConditional) {
        Map<Score, Double> wrong = new EnumMap<>(Score.class);
        Map<Score, Double> strange = new EnumMap<>(Score.class);
        List<Answer> right = new ArrayList<>();
        List<Answer> mistaken = new ArrayList<>();
        for (EvaluatedQuestion question : questions) {
            (question.right(Method.CALIBRATED) ? right : mistaken).add(answers.get(question.id()));
        }
        List<Answer> familiar =
                questions.stream().map(question -> answers.get(question.id())).toList();
        for (Score score : Score.values()) {
            if (!all(familiar, unfamiliar, answer -> knows(answer, score))) {
                continue;
            }
            if (!right.isEmpty() && !mistaken.isEmpty()) {
                wrong.put(score, Auroc.of(values(score, mistaken), values(score, right)));
            }
            if (!unfamiliar.isEmpty()) {
                strange.put(score, Auroc.of(values(score, unfamiliar), values(score, familiar)));
            }
        }
        boolean byClass = classConditional && haveOneListOfClasses(questions, validation);
        Tier tier = Tier.of("tier", familiar.get(0).getTier());
        return new Diagnostics(
                ALPHA,
                sets(questions, tier, posterior, validation, byClass),
                wrong,
                strange,
                unfamiliar.size(),
                byClass);
    }

    private static boolean all(Collection<Answer> some, Collection<Answer> others, Predicate<Answer> known) {
        return Stream.concat(some.stream(), others.stream()).allMatch(known);
    }

    private static boolean knows(Answer answer, Score score) {
        return switch (score) {
            case FAMILIARITY -> answer.getFamiliarity() != null;
            case NOVELTY -> Comparison.hasCovariance(answer);
            default -> true;
        };
    }

    private static Map<Method, Diagnostics.Sets> sets(
            List<EvaluatedQuestion> questions,
            Tier tier,
            Posterior posterior,
            List<ValidationAnswer> validation,
            boolean byClass) {
        Map<Method, Diagnostics.Sets> sets = new EnumMap<>(Method.class);
        if (validation.isEmpty()) {
            return sets;
        }
        Link link = Link.monteCarlo();
        for (Method method : Method.values()) {
            if (!isComparable(method, tier, validation)) {
                continue;
            }
            List<LabelledProbabilities> known = known(method, tier, posterior, validation, link);
            PredictionSets conformal = byClass
                    ? ClassConditionalSets.calibrated(
                            known, questions.get(0).labels().size(), ALPHA)
                    : ConformalSets.calibrated(known, ALPHA);
            List<LabelledProbabilities> asked = questions.stream()
                    .map(question -> new LabelledProbabilities(Comparison.array(question.of(method)), question.truth()))
                    .toList();
            sets.put(method, new Diagnostics.Sets(known.size(), conformal.coverage(asked), conformal.meanSize(asked)));
        }
        return sets;
    }

    /** Whether the validation answers have the covariance that the method takes at the tier of the questions. */
    private static boolean isComparable(Method method, Tier tier, List<ValidationAnswer> validation) {
        boolean takesIt = method == Method.LAPLACE || (method == Method.LABEL_FREE && tier == Tier.ALL);
        return !takesIt
                || validation.stream().allMatch(one -> one.answer().getTier().equals(tier.label()));
    }

    /** Probabilities whose labels tuned nothing: where labels tune a method, those of the other folds. */
    private static List<LabelledProbabilities> known(
            Method method, Tier tier, Posterior posterior, List<ValidationAnswer> validation, Link link) {
        return switch (method) {
            case MAP -> each(validation, Diagnosis::map);
            case TEMPERATURE ->
                TemperatureScaling.crossFitted(
                        validation.stream().map(Comparison::logits).toList(), FOLDS, SEED);
            case LAPLACE -> each(validation, answer -> Comparison.integrated(answer, link));
            case LABEL_FREE -> {
                List<Member> members = Comparison.labelFreeMembers(posterior, tier);
                yield each(validation, answer -> Comparison.labelFree(answer, members, link));
            }
            case CALIBRATED ->
                posterior.getCalibration() == Calibration.AVERAGED
                        ? crossFitted(tier, posterior, validation)
                        : each(validation, answer -> served(answer, tier, posterior, link));
        };
    }

    /** As a tier serves them, each by members that were fitted without its label. */
    private static List<LabelledProbabilities> crossFitted(
            Tier tier, Posterior posterior, List<ValidationAnswer> validation) {
        List<LabelledContrasts> whole = contrasts(validation.stream()
                .filter(one -> one.answer().getTier().equals(Tier.ALL.label()))
                .toList());
        Calibrator calibrator = new Calibrator();
        LabelFree labelFree = Comparison.labelFree(posterior);
        CrossFitted fitted = (whole.isEmpty()
                        ? calibrator.calibrateMeans(contrasts(validation), labelFree)
                        : calibrator.calibrate(whole, labelFree))
                .crossFitted();
        return switch (tier) {
            case ALL -> fitted.all();
            case LAST_LAYER, FORWARD -> fitted.forward();
            case MAP -> fitted.map();
        };
    }

    private static List<LabelledContrasts> contrasts(List<ValidationAnswer> validation) {
        return validation.stream()
                .map(one -> Comparison.contrasts(one.answer(), one.truth()))
                .toList();
    }

    private static List<LabelledProbabilities> each(
            List<ValidationAnswer> validation, Function<Answer, double[]> probabilities) {
        return validation.stream()
                .map(one -> new LabelledProbabilities(probabilities.apply(one.answer()), one.truth()))
                .toList();
    }

    /** Else the first class of one question is another one than that of the next. */
    private static boolean haveOneListOfClasses(List<EvaluatedQuestion> questions, List<ValidationAnswer> validation) {
        List<String> labels = questions.get(0).labels();
        return questions.stream().allMatch(each -> each.labels().equals(labels))
                && validation.stream()
                        .allMatch(each -> each.answer().getLabels().equals(labels));
    }

    /** The prediction of this posterior at a tier for an answer that another version of it gave. */
    private static double[] served(Answer answer, Tier tier, Posterior posterior, Link link) {
        return CalibratedPrediction.of(
                        posterior,
                        tier,
                        link,
                        Comparison.array(answer.getContrastMean()),
                        Comparison.covariance(answer))
                .softened(answer.getSoftened())
                .probabilities();
    }

    private static double[] map(Answer answer) {
        return Softmax.ofContrasts(Comparison.array(answer.getContrastMean()));
    }

    private static double[] values(Score score, Collection<Answer> answers) {
        return answers.stream()
                .mapToDouble(answer -> switch (score) {
                    case MAP_ENTROPY -> Softmax.entropy(Comparison.array(answer.getMapProbabilities()));
                    case ENTROPY -> answer.getEntropy();
                    case MUTUAL_INFORMATION -> answer.getMutualInformation();
                    case NOVELTY -> answer.getNovelty();
                    case FAMILIARITY -> answer.getFamiliarity();
                })
                .toArray();
    }
}
