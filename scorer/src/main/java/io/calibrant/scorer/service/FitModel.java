package io.calibrant.scorer.service;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Answers questions with one version of one posterior on one adapter, never a mixture. Thread-safe. */
final class FitModel {
    private final Snapshot snapshot;
    private final Projections projections;
    private final Link link;
    private final PromptReader prompts;

    /**
     * A question ready for the model.
     *
     * @param prompt its tokens; its classes are token ids
     * @param purpose what it is for
     */
    record Prompted(EncodedPrompt prompt, Purpose purpose) {
        int length() {
            return prompt.length();
        }

        int choices() {
            return prompt.classes().length;
        }
    }

    /**
     * What became of a question.
     *
     * @param answer null if it could not be answered
     * @param statistics null unless they were asked for
     * @param reason null if it could be answered
     */
    record Outcome(Answer answer, PredictiveStatistics statistics, BadQuestionException reason) {}

    /** Takes over the caller's hold on the projections. */
    FitModel(Snapshot snapshot, Projections projections, Link link, PromptReader prompts) {
        this.snapshot = snapshot;
        this.projections = projections;
        this.link = link;
        this.prompts = prompts;
    }

    Snapshot snapshot() {
        return snapshot;
    }

    Posterior posterior() {
        return snapshot.posterior();
    }

    Projections projections() {
        return projections;
    }

    PromptReader prompts() {
        return prompts;
    }

    /** The same posterior but for what is served of it, on the same projections. */
    FitModel with(Posterior posterior) {
        projections.hold();
        return new FitModel(
                new Snapshot(snapshot.run(), posterior, snapshot.adapter(), snapshot.blocks()),
                projections,
                link,
                prompts);
    }

    /**
     * Answers questions in one batch; if that fails, each on its own, so that one question costs nothing but itself.
     *
     * @param measured whether their predictive statistics are wanted
     * @return in the order of the questions
     */
    List<Outcome> answer(Tier tier, List<Prompted> questions, boolean measured) {
        Predictor predictor = projections.predictor(tier);
        List<EncodedPrompt> placed = questions.stream()
                .map(question -> projections.weights().placed(question.prompt()))
                .toList();
        List<Predictive> predictives;
        try {
            predictives = measured ? predictor.measure(placed) : predictor.predict(placed);
        } catch (IllegalArgumentException | ArithmeticException e) {
            if (questions.size() == 1) {
                return List.of(failed(questions.get(0), e));
            }
            List<Outcome> outcomes = new ArrayList<>();
            questions.forEach(question -> outcomes.addAll(answer(tier, List.of(question), measured)));
            return outcomes;
        }
        List<Outcome> outcomes = new ArrayList<>();
        for (int i = 0; i < questions.size(); i++) {
            outcomes.add(outcome(tier, questions.get(i), predictives.get(i), measured));
        }
        return outcomes;
    }

    private Outcome outcome(Tier tier, Prompted question, Predictive predictive, boolean measured) {
        try {
            Answer answer = answer(tier, question, predictive);
            return new Outcome(answer, measured ? StatisticsRecords.of(answer, posterior(), predictive) : null, null);
        } catch (IllegalArgumentException e) {
            return failed(question, e);
        }
    }

    private static Outcome failed(Prompted question, RuntimeException e) {
        return new Outcome(
                null,
                null,
                new BadQuestionException(
                        "question '" + question.prompt().question().id() + "': " + e.getMessage(), e));
    }

    private Answer answer(Tier tier, Prompted question, Predictive predictive) {
        Posterior posterior = posterior();
        double[] mean = predictive.mean();
        double[][] covariance = predictive.covariance();
        Served served = Served.of(posterior, tier, link, mean, covariance);
        Answer answer = new Answer();
        answer.setQuestionId(question.prompt().question().id());
        answer.setRunId(posterior.getRunId());
        answer.setCheckpoint(posterior.getCheckpoint());
        answer.setFit(posterior.getFit());
        answer.setPosteriorVersion(posterior.getVersion());
        answer.setPurpose(question.purpose());
        answer.setLabels(question.prompt().question().choices().stream()
                .map(Choice::label)
                .toList());
        answer.setProbabilities(list(served.probabilities()));
        answer.setMapProbabilities(list(Softmax.ofContrasts(mean)));
        answer.setTemperatureProbabilities(served.tempered() == null ? null : list(served.tempered()));
        answer.setCalibration(served.calibration());
        answer.setContrastMean(list(mean));
        answer.setContrastCovariance(
                Arrays.stream(covariance).map(FitModel::list).toList());
        answer.setEntropy(served.entropy());
        answer.setExpectedEntropy(served.entropy() - served.mutualInformation());
        answer.setMutualInformation(served.mutualInformation());
        answer.setNovelty(predictive.novelty());
        answer.setTier(tier.label());
        answer.setCoverage(coverage(posterior));
        return answer;
    }

    /** The share of the pass that the posterior rests on. */
    private static double coverage(Posterior posterior) {
        Long expected = posterior.getBatchesExpected();
        return expected == null ? 1 : Math.min(1, (double) posterior.getBatches() / expected);
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
