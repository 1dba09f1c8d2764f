package io.calibrant.infra.evaluation;

import io.calibrant.fitter.calibration.CalibrationResult;
import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.LabelFree;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.calibration.Member;
import io.calibrant.fitter.calibration.Mixture;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.infra.report.EvaluatedQuestion;
import io.calibrant.infra.report.Evaluation;
import io.calibrant.infra.report.Method;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Compares the methods on the answers. Pure. */
final class Comparison {
    private static final int FOLDS = 10;
    private static final long SEED = 0;

    private Comparison() {}

    /**
     * Compares the methods on the answered questions.
     *
     * @param questions with their answers
     * @param answers by question id; questions without one are left out
     * @param validation labelled answers to fit the temperature on; where there are none it is cross-fitted
     * @param posterior that served: what calibrates without labels is in it
     */
    static Evaluation of(
            List<Question> questions,
            Map<String, Answer> answers,
            List<ValidationAnswer> validation,
            Posterior posterior) {
        List<Question> answered = questions.stream()
                .filter(question -> answers.containsKey(question.id()))
                .map(question -> question.orChoicesOf(answers.get(question.id()).getLabels()))
                .toList();
        List<LabelledLogits> logits = answered.stream()
                .map(question -> logits(
                        answers.get(question.id()), question.answerIndex().orElseThrow()))
                .toList();
        List<List<Double>> tempered;
        String note;
        if (validation.isEmpty()) {
            tempered = TemperatureScaling.crossFitted(logits, FOLDS, SEED).stream()
                    .map(LabelledProbabilities::probabilities)
                    .map(Comparison::list)
                    .toList();
            note = "Temperature: no validation answers with labels on the topics, so it is cross-fitted on these "
                    + answered.size() + " questions, " + FOLDS + " folds; no question sees its own label.";
        } else {
            double temperature = temperature(validation);
            tempered = logits.stream()
                    .map(one -> list(TemperatureScaling.probabilities(one.logits(), temperature)))
                    .toList();
            note = String.format(
                    Locale.ROOT,
                    "Temperature %.3f, fitted on %d validation answers with labels.",
                    temperature,
                    validation.size());
        }
        List<EvaluatedQuestion> evaluated = new ArrayList<>(answered.size());
        Link link = Link.monteCarlo();
        Map<Tier, List<Member>> labelFree = new EnumMap<>(Tier.class);
        for (int i = 0; i < answered.size(); i++) {
            Question question = answered.get(i);
            Answer answer = answers.get(question.id());
            Map<Method, List<Double>> probabilities = new EnumMap<>(Method.class);
            probabilities.put(Method.MAP, answer.getMapProbabilities());
            probabilities.put(Method.TEMPERATURE, tempered.get(i));
            probabilities.put(Method.LAPLACE, laplace(answer, link));
            List<Member> members = labelFree.computeIfAbsent(
                    Tier.of("tier", answer.getTier()), tier -> labelFreeMembers(posterior, tier));
            probabilities.put(Method.LABEL_FREE, list(labelFree(answer, members, link)));
            probabilities.put(Method.CALIBRATED, answer.getProbabilities());
            evaluated.add(new EvaluatedQuestion(
                    question.id(),
                    question.context() == null ? question.question() : question.question() + " " + question.context(),
                    answer.getLabels(),
                    question.choices().stream().map(Choice::text).toList(),
                    question.answerIndex().orElseThrow(),
                    probabilities,
                    hasCovariance(answer) ? answer.getNovelty() : Double.NaN));
        }
        return new Evaluation(
                evaluated,
                note + " " + served(answered, answers) + withoutCovariance(answered, answers)
                        + versions(answered, answers));
    }

    /** Says so where some answers have no covariance: what stands for it in the records says that it is zero. */
    private static String withoutCovariance(List<Question> answered, Map<String, Answer> answers) {
        long without = answered.stream()
                .filter(question -> !hasCovariance(answers.get(question.id())))
                .count();
        return without == 0
                ? ""
                : " " + without + " of " + answered.size() + " answers have neither covariance nor novelty, by their"
                        + " tier: for them the evidence alone is MAP.";
    }

    /** Whether the tier of an answer knows covariance and novelty. */
    static boolean hasCovariance(Answer answer) {
        return Tier.of("tier", answer.getTier()).hasCovariance();
    }

    /** What the served probabilities rest on, a sentence. */
    private static String served(List<Question> answered, Map<String, Answer> answers) {
        Map<Calibration, Long> count = new EnumMap<>(Calibration.class);
        answered.forEach(question -> count.merge(answers.get(question.id()).getCalibration(), 1L, Long::sum));
        return "Served: "
                + count.entrySet().stream()
                        .map(each ->
                                words(each.getKey()) + (count.size() == 1 ? "" : " (" + each.getValue() + " answers)"))
                        .collect(Collectors.joining(", "))
                + ".";
    }

    /** The posterior that gave an answer: checkpoint, fit and version. */
    static String posterior(Answer answer) {
        return Keys.fit(answer.getRunId(), answer.getCheckpoint(), answer.getFit()) + " version "
                + answer.getPosteriorVersion();
    }

    /** Says so where several posteriors served, so that the methods do not rest on one calibration. */
    private static String versions(List<Question> answered, Map<String, Answer> answers) {
        long posteriors = answered.stream()
                .map(question -> posterior(answers.get(question.id())))
                .distinct()
                .count();
        return posteriors < 2
                ? ""
                : " The posterior changed while the questions were answered: " + posteriors
                        + " versions served; evaluate again when the fit is complete.";
    }

    private static String words(Calibration calibration) {
        return switch (calibration) {
            case EVIDENCE -> "prior: evidence only";
            case TEMPERATURE -> "softmax(z / T), T from labels";
            case TEMPERATURE_VARIANCE -> "E softmax N(z / T, c Sigma), T and c from labels";
            case LABEL_FREE -> "calibrated without labels";
            case AVERAGED -> "an average, weighted by labels";
            case MAP -> "MAP, not calibrated";
        };
    }

    /** The evidence's predictive: what was served where nothing else decides, else from the Gaussian of the answer. */
    private static List<Double> laplace(Answer answer, Link link) {
        if (answer.getCalibration() == Calibration.EVIDENCE) {
            return answer.getProbabilities();
        }
        return list(integrated(answer, link));
    }

    /** The members of a tier that need no label; none where the posterior has none for it. */
    static List<Member> labelFreeMembers(Posterior posterior, Tier tier) {
        CalibrationResult none = new Calibrator().calibrate(List.of(), labelFree(posterior));
        return switch (tier) {
            case ALL -> none.all();
            case LAST_LAYER, FORWARD -> none.forward();
            case MAP -> none.map();
        };
    }

    /** The average of members that need no label; MAP where there are none. */
    static double[] labelFree(Answer answer, List<Member> members, Link link) {
        return members.isEmpty()
                ? array(answer.getMapProbabilities())
                : Mixture.of(members, link, array(answer.getContrastMean()), covariance(answer))
                        .probabilities();
    }

    /** What a posterior knows without labels. */
    static LabelFree labelFree(Posterior posterior) {
        return new LabelFree(posterior.getLabelFreeScale(), posterior.getLogitVariance());
    }

    /** E softmax N(z, Sigma). */
    static double[] integrated(Answer answer, Link link) {
        return link.predict(array(answer.getContrastMean()), covariance(answer)).probabilities();
    }

    static double[][] covariance(Answer answer) {
        return answer.getContrastCovariance().stream().map(Comparison::array).toArray(double[][]::new);
    }

    /** The temperature with the highest likelihood of the labels. */
    static double temperature(List<ValidationAnswer> validation) {
        return TemperatureScaling.fit(validation.stream()
                .map(one -> logits(one.answer(), one.truth()))
                .toList());
    }

    /** What calibration takes of an answer and its label. */
    static LabelledContrasts contrasts(Answer answer, int truth) {
        return new LabelledContrasts(
                answer.getQuestionId(), array(answer.getContrastMean()), covariance(answer), truth);
    }

    /**
     * The raw numbers of all answers whose label is known; of a question that is both evaluated and validated one.
     * Where the questions were answered with all blocks, validation answers that have not their covariance are left
     * out.
     */
    static List<LabelledContrasts> labelled(
            List<Question> questions, Map<String, Answer> answers, List<ValidationAnswer> validation) {
        boolean whole = restOnAllBlocks(answers.values());
        Map<String, LabelledContrasts> labelled = new TreeMap<>();
        for (ValidationAnswer each : validation) {
            if (!whole || restOnAllBlocks(List.of(each.answer()))) {
                put(labelled, each.answer(), each.truth());
            }
        }
        for (Question question : questions) {
            Answer answer = answers.get(question.id());
            if (answer != null) {
                put(labelled, answer, answer.getLabels().indexOf(question.answer()));
            }
        }
        return List.copyOf(labelled.values());
    }

    private static void put(Map<String, LabelledContrasts> labelled, Answer answer, int truth) {
        if (truth >= 0) {
            labelled.put(answer.getQuestionId(), contrasts(answer, truth));
        }
    }

    /** Whether all answers have the covariance of all blocks. */
    static boolean restOnAllBlocks(Collection<Answer> answers) {
        return answers.stream().allMatch(answer -> answer.getTier().equals(Tier.ALL.label()));
    }

    static LabelledLogits logits(ValidationAnswer one) {
        return logits(one.answer(), one.truth());
    }

    private static LabelledLogits logits(Answer answer, int truth) {
        return LabelledLogits.ofContrasts(array(answer.getContrastMean()), truth);
    }

    static double[] array(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
