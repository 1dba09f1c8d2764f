package io.calibrant.scorer.answering;

import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Answers questions with one version of one posterior. Thread-safe. */
public final class Answerer {
    private final Posterior posterior;
    private final Link link;
    private final LabelFreeServing labelFree;
    private final Unfamiliar unfamiliar;
    private final FamiliarityScores known;
    private final ScoreCalibration scores;
    private final Optional<TargetAccuracy> target;
    private final DecisionRule decisions;

    /** Softens unfamiliar questions, and answers without decisions. */
    public Answerer(Posterior posterior, Link link, LabelFreeServing labelFree) {
        this(posterior, link, labelFree, Unfamiliar.SOFTEN, Optional.empty());
    }

    /**
     * Answers nothing yet.
     *
     * @param posterior whose calibration is served, and which answers name
     * @param link from the Gaussian over logits to probabilities
     * @param labelFree what serves where no label is known
     * @param unfamiliar what becomes of the probabilities of unfamiliar questions
     * @param target that decisions are to keep; empty: answers carry none
     * @throws IllegalArgumentException if there is a target, and the posterior's counts of labelled answers are none
     */
    public Answerer(
            Posterior posterior,
            Link link,
            LabelFreeServing labelFree,
            Unfamiliar unfamiliar,
            Optional<TargetAccuracy> target) {
        this.posterior = posterior;
        this.link = link;
        this.labelFree = labelFree;
        this.unfamiliar = unfamiliar;
        this.target = target;
        this.decisions = new DecisionRule(posterior, target);
        known = new FamiliarityScores(posterior);
        scores = known.all();
    }

    /** The same link and target with another posterior. */
    public Answerer with(Posterior other) {
        return new Answerer(other, link, labelFree, unfamiliar, target);
    }

    /**
     * Answers questions in one batch; if that fails, each on its own, so that one bad question fails alone.
     *
     * @param predict mean and covariance of prompts in their order, from the posterior at {@code tier}: of a
     *     {@link io.calibrant.scorer.predictive.Predictor}, predict or measure
     * @param places class tokens of the model that predicts; all choices of the questions are among them
     * @param measured whether their predictive statistics are wanted
     * @return in the order of the questions
     */
    public List<Outcome> answer(
            Function<List<EncodedPrompt>, List<Predictive>> predict,
            ClassPlaces places,
            Tier tier,
            List<TokenizedQuestion> questions,
            boolean measured) {
        List<EncodedPrompt> prompts = questions.stream().map(places::place).toList();
        List<Predictive> predictives;
        try {
            predictives = predict.apply(prompts);
        } catch (IllegalArgumentException | ArithmeticException e) {
            if (questions.size() == 1) {
                return List.of(rejected(questions.get(0), e));
            }
            List<Outcome> outcomes = new ArrayList<>();
            questions.forEach(question -> outcomes.addAll(answer(predict, places, tier, List.of(question), measured)));
            return outcomes;
        }
        List<Outcome> outcomes = new ArrayList<>();
        for (int i = 0; i < questions.size(); i++) {
            outcomes.add(outcome(tier, questions.get(i), predictives.get(i), measured));
        }
        return outcomes;
    }

    private Outcome outcome(Tier tier, TokenizedQuestion question, Predictive predictive, boolean measured) {
        try {
            Answer answer = answer(tier, question, predictive);
            return new Outcome.Answered(
                    answer,
                    measured ? Optional.of(StatisticsRecords.of(answer, posterior, predictive)) : Optional.empty());
        } catch (RuntimeException e) {
            return rejected(question, e); // the model has spoken: only the question's own numbers are left
        }
    }

    private static Outcome rejected(TokenizedQuestion question, RuntimeException e) {
        return new Outcome.Rejected(
                new BadQuestionException("question '" + question.question().id() + "': " + reason(e), e));
    }

    private static String reason(RuntimeException e) {
        return e.getMessage() == null ? e.toString() : e.getMessage();
    }

    /** Uses the constructor of all fields, so that a new field of the schema does not compile until it is set here. */
    private Answer answer(Tier tier, TokenizedQuestion question, Predictive predictive) {
        double[] mean = predictive.mean();
        double[][] covariance = predictive.covariance();
        Double familiarity = predictive.familiarity().isPresent()
                ? (Double) predictive.familiarity().getAsDouble()
                : null;
        Double p = familiarity != null && scores.size() > 0 ? (Double) scores.pValue(familiarity) : null;
        double softened = p != null && unfamiliar == Unfamiliar.SOFTEN ? scores.softening(familiarity) : 0;
        CalibratedPrediction served = CalibratedPrediction.of(posterior, tier, link, labelFree, mean, covariance)
                .softened(softened);
        finite("contrast mean", mean);
        finite("probability", served.probabilities());
        if (served.tempered() != null) {
            finite("probability at the temperature", served.tempered());
        }
        if (familiarity != null) {
            finite("familiarity", familiarity);
        }
        finite("entropy", served.entropy(), served.mutualInformation(), predictive.novelty());
        return new Answer(
                question.question().id(),
                posterior.getRunId(),
                posterior.getCheckpoint(),
                posterior.getFit(),
                posterior.getVersion(),
                question.purpose(),
                question.question().choices().stream().map(Choice::label).toList(),
                list(served.probabilities()),
                list(Softmax.ofContrasts(mean)),
                served.tempered() == null ? null : list(served.tempered()),
                served.calibration(),
                list(mean),
                Arrays.stream(covariance).map(Answerer::list).toList(),
                served.entropy(),
                served.entropy() - served.mutualInformation(),
                served.mutualInformation(),
                predictive.novelty(),
                tier.label(),
                coverage(posterior),
                text(question.question()).digest(),
                familiarity,
                p,
                p == null ? null : (Integer) scores.size(),
                softened,
                decisions.decide(tier, served.probabilities(), p != null && known.isOfAnotherKind(familiarity, p)));
    }

    /** Whoever joins an answer with a label sees by it that both are of one text. */
    public static QuestionText text(Question question) {
        return QuestionText.of(
                question.question(),
                question.context(),
                question.ownChoices(),
                Choice::label,
                Choice::text,
                question.prompt());
    }

    /** The share of the pass that the posterior was made from. */
    private static double coverage(Posterior posterior) {
        Long expected = posterior.getBatchesExpected();
        return expected == null ? 1 : Math.min(1, (double) posterior.getBatches() / expected);
    }

    /** A link checks its input; at tier map there is none, and a tiny T makes infinities of what was finite. */
    private static void finite(String what, double... values) {
        for (double value : values) {
            if (!Double.isFinite(value)) {
                throw new ArithmeticException(what + " is " + value);
            }
        }
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
