package io.calibrant.scorer.service;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Prediction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.capture.AdaptedLlama;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Answers questions with one posterior on one adapter, never a mixture. Not thread-safe. */
final class AnswerModel implements AutoCloseable {
    private final BaseModel base;
    private final Snapshot snapshot;
    private final int batchSize;
    private final String tier;
    private final Link link;
    private final PromptReader prompts;
    private AdaptedLlama adapted;
    private Predictor predictor;
    private int places;

    /**
     * A question ready for the model.
     *
     * @param prompt its tokens and classes
     * @param purpose what it is for
     */
    record Prompted(EncodedPrompt prompt, Purpose purpose) {}

    /**
     * What became of a question.
     *
     * @param answer null if it could not be answered
     * @param reason null if it could
     */
    record Outcome(Answer answer, BadQuestionException reason) {}

    private AnswerModel(BaseModel base, Snapshot snapshot, ScorerSettings settings) {
        this.base = base;
        this.snapshot = snapshot;
        this.batchSize = settings.batchSize();
        this.tier = settings.tier();
        this.link = new Link(settings.link(), settings.points(), 0);
        this.prompts = new PromptReader(base, snapshot.run());
        load();
    }

    /**
     * Puts the model together.
     *
     * @throws IllegalArgumentException if adapter or posterior do not fit the base model
     */
    static AnswerModel of(BaseModel base, Snapshot snapshot, ScorerSettings settings) {
        return new AnswerModel(base, snapshot, settings);
    }

    /** Checkpoint and version of the posterior. */
    String id() {
        return PosteriorAssembly.id(snapshot.posterior());
    }

    /**
     * Encodes a question.
     *
     * @throws BadQuestionException if it does not fit the model
     */
    Prompted prompt(QuestionReader.Asked asked) throws BadQuestionException {
        return new Prompted(prompts.read(asked.question()), asked.purpose());
    }

    /**
     * Answers questions in batches of like ones, by number of choices, then by length.
     *
     * @return in the order of the questions
     */
    List<Outcome> answer(List<Prompted> questions) {
        if (prompts.classTokens().length != places) {
            unload();
            load();
        }
        Integer[] order = IntStream.range(0, questions.size()).boxed().toArray(Integer[]::new);
        Arrays.sort(
                order,
                Comparator.<Integer>comparingInt(i -> questions.get(i).prompt().classes().length)
                        .thenComparingInt(i -> questions.get(i).prompt().length()));
        Outcome[] outcomes = new Outcome[order.length];
        for (int from = 0; from < order.length; from += batchSize) {
            int to = Math.min(order.length, from + batchSize);
            List<EncodedPrompt> batch = new ArrayList<>();
            for (int i = from; i < to; i++) {
                batch.add(questions.get(order[i]).prompt());
            }
            List<Predictive> predictives = predictor.predict(batch);
            for (int i = from; i < to; i++) {
                outcomes[order[i]] = outcome(questions.get(order[i]), predictives.get(i - from));
            }
        }
        return List.of(outcomes);
    }

    private Outcome outcome(Prompted question, Predictive predictive) {
        String id = question.prompt().question().id();
        try {
            return new Outcome(answer(question, predictive), null);
        } catch (IllegalArgumentException e) {
            return new Outcome(null, new BadQuestionException("question '" + id + "': " + e.getMessage(), e));
        }
    }

    private Answer answer(Prompted question, Predictive predictive) {
        Posterior posterior = snapshot.posterior();
        double[] mean = predictive.mean();
        double[][] covariance = predictive.covariance();
        Prediction prediction = link.predict(mean, covariance);
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
        answer.setProbabilities(list(prediction.probabilities()));
        answer.setMapProbabilities(list(Softmax.ofContrasts(mean)));
        if (posterior.getTemperature() != null) {
            double[] logits = Arrays.copyOf(mean, mean.length + 1);
            answer.setTemperatureProbabilities(
                    list(TemperatureScaling.probabilities(logits, posterior.getTemperature())));
        }
        answer.setCalibration(Calibration.EVIDENCE);
        answer.setContrastMean(list(mean));
        List<List<Double>> rows = new ArrayList<>();
        for (double[] row : covariance) {
            rows.add(list(row));
        }
        answer.setContrastCovariance(rows);
        answer.setEntropy(prediction.entropy());
        answer.setExpectedEntropy(prediction.expectedEntropy());
        answer.setMutualInformation(prediction.mutualInformation());
        answer.setNovelty(predictive.novelty());
        answer.setTier(tier);
        return answer;
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }

    private void load() {
        int[] tokens = prompts.classTokens();
        places = tokens.length;
        adapted = new AdaptedLlama(
                base.llama(), RunAdapter.of(base.llama().config(), snapshot.run(), snapshot.adapter(), tokens));
        boolean done = false;
        try {
            predictor = new Predictor(adapted, snapshot.blocks());
            done = true;
        } finally {
            if (!done) {
                adapted.close();
            }
        }
    }

    private void unload() {
        predictor.close();
        adapted.close();
    }

    @Override
    public void close() {
        unload();
    }
}
