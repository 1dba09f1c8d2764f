package io.calibrant.infra.evaluation;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.Auroc;
import io.calibrant.fitter.metrics.ConformalSets;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.infra.report.Diagnostics;
import io.calibrant.infra.report.EvaluatedQuestion;
import io.calibrant.infra.report.Method;
import io.calibrant.infra.report.Score;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.scorer.answering.CalibratedPrediction;
import io.calibrant.scorer.answering.Tier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Conformal sets, and how well the scores of an answer tell wrong from right and unfamiliar from familiar. Pure. */
final class Diagnosis {
    /** Sets miss the true class of at most this share of questions. */
    private static final double ALPHA = 0.1;

    private Diagnosis() {}

    /**
     * Diagnoses.
     *
     * @param questions evaluated
     * @param answers of theirs, by question id
     * @param posterior that served; the validation answers are served anew with it
     * @param validation labelled validation answers, possibly none
     * @param unfamiliar answers to the questions of the second file, possibly none
     */
    static Diagnostics of(
            List<EvaluatedQuestion> questions,
            Map<String, Answer> answers,
            Posterior posterior,
            List<ValidationAnswer> validation,
            Collection<Answer> unfamiliar) {
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
            if (!right.isEmpty() && !mistaken.isEmpty()) {
                wrong.put(score, Auroc.of(values(score, mistaken), values(score, right)));
            }
            if (!unfamiliar.isEmpty()) {
                strange.put(score, Auroc.of(values(score, unfamiliar), values(score, familiar)));
            }
        }
        return new Diagnostics(
                validation.size(), ALPHA, sets(questions, posterior, validation), wrong, strange, unfamiliar.size());
    }

    private static Map<Method, Diagnostics.Sets> sets(
            List<EvaluatedQuestion> questions, Posterior posterior, List<ValidationAnswer> validation) {
        Map<Method, Diagnostics.Sets> sets = new EnumMap<>(Method.class);
        if (validation.isEmpty()) {
            return sets;
        }
        double temperature = Comparison.temperature(validation);
        Link link = Link.monteCarlo();
        for (Method method : Method.values()) {
            List<LabelledProbabilities> known = validation.stream()
                    .map(one -> new LabelledProbabilities(
                            switch (method) {
                                case MAP -> scaled(one.answer(), 1);
                                case TEMPERATURE -> scaled(one.answer(), temperature);
                                case LAPLACE -> Comparison.integrated(one.answer(), link);
                                case CALIBRATED -> served(one.answer(), posterior, link);
                            },
                            one.truth()))
                    .toList();
            ConformalSets conformal = ConformalSets.calibrated(known, ALPHA);
            List<LabelledProbabilities> asked = questions.stream()
                    .map(question -> new LabelledProbabilities(Comparison.array(question.of(method)), question.truth()))
                    .toList();
            sets.put(method, new Diagnostics.Sets(conformal.coverage(asked), conformal.meanSize(asked)));
        }
        return sets;
    }

    /** The prediction of this posterior for an answer that another version of it gave. */
    private static double[] served(Answer answer, Posterior posterior, Link link) {
        return CalibratedPrediction.of(
                        posterior,
                        Tier.of("tier", answer.getTier()),
                        link,
                        Comparison.array(answer.getContrastMean()),
                        Comparison.covariance(answer))
                .probabilities();
    }

    private static double[] scaled(Answer answer, double temperature) {
        double[] mean = Comparison.array(answer.getContrastMean());
        return TemperatureScaling.probabilities(Arrays.copyOf(mean, mean.length + 1), temperature);
    }

    private static double[] values(Score score, Collection<Answer> answers) {
        return answers.stream()
                .mapToDouble(answer -> switch (score) {
                    case MAP_ENTROPY -> Softmax.entropy(Comparison.array(answer.getMapProbabilities()));
                    case ENTROPY -> answer.getEntropy();
                    case MUTUAL_INFORMATION -> answer.getMutualInformation();
                    case NOVELTY -> answer.getNovelty();
                })
                .toArray();
    }
}
