package io.calibrant.scorer.serving;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.scorer.answering.Answerer;
import io.calibrant.scorer.answering.BadQuestionException;
import io.calibrant.scorer.answering.Outcome;
import io.calibrant.scorer.answering.PromptReader;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.answering.TokenizedQuestion;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** One version of one posterior on one adapter, never a mixture, ready to answer. Thread-safe. */
public final class FitModel {
    private final Snapshot snapshot;
    private final TierPredictors predictors;
    private final PromptReader prompts;
    private final Answerer answerer;
    private final Probe probe;

    private FitModel(
            Snapshot snapshot, TierPredictors predictors, PromptReader prompts, Answerer answerer, Probe probe) {
        this.snapshot = snapshot;
        this.predictors = predictors;
        this.prompts = prompts;
        this.answerer = answerer;
        this.probe = probe;
    }

    /**
     * A model that has answered the probe. Takes over the caller's reference to the predictors, also where it throws.
     *
     * @throws IllegalArgumentException if the probe has no answer
     * @throws ArithmeticException if what the model says of it is not finite
     */
    static FitModel of(
            Snapshot snapshot, TierPredictors predictors, PromptReader prompts, Answerer answerer, Probe probe) {
        boolean done = false;
        try {
            probe.check(answerer, predictors);
            done = true;
        } finally {
            if (!done) {
                predictors.release();
            }
        }
        return new FitModel(snapshot, predictors, prompts, answerer, probe);
    }

    Snapshot snapshot() {
        return snapshot;
    }

    Posterior posterior() {
        return snapshot.posterior();
    }

    TierPredictors predictors() {
        return predictors;
    }

    /** Token ids whose logits there are; where the head is not adapted, more can be asked for. */
    public Set<Integer> tokens() {
        return predictors.weights().classes().tokens();
    }

    /** A model on the same predictors, for a posterior that differs in its calibration only; throws as {@link #of}. */
    FitModel with(Posterior posterior) {
        Answerer other = answerer.with(posterior);
        predictors.hold();
        return of(
                new Snapshot(snapshot.run(), posterior, snapshot.adapter(), snapshot.blocks(), snapshot.familiarity()),
                predictors,
                prompts,
                other,
                probe);
    }

    /**
     * Encodes a question for this model.
     *
     * @throws BadQuestionException if the model cannot be asked, or is to be validated by a text that it was trained
     *     on: our own senders leave those out, others need not
     */
    public TokenizedQuestion read(Question question, Purpose purpose) throws BadQuestionException {
        if (purpose == Purpose.VALIDATION && predictors.weights().trained().contains(Answerer.text(question))) {
            throw new BadQuestionException(Require.message(
                    "validation question '" + question.id() + "'",
                    "the text of a training question",
                    "one that run '" + snapshot.run().getRunId() + "' was not trained on"));
        }
        return prompts.read(question, purpose);
    }

    /**
     * Answers questions in one batch; if that fails, each on its own, so that one bad question fails alone.
     *
     * @param questions all their choices are among {@link #tokens}
     * @param measured whether their predictive statistics are wanted
     * @return in the order of the questions
     * @throws RuntimeException if the model cannot be asked anything, whatever the question
     */
    public List<Outcome> answer(Tier tier, List<TokenizedQuestion> questions, boolean measured) {
        Predictor predictor = predictors.predictor(tier);
        return answerer.answer(
                prompts -> predict(predictor, prompts, measured),
                predictors.weights().classes(),
                tier,
                questions,
                measured);
    }

    private List<Predictive> predict(Predictor predictor, List<EncodedPrompt> prompts, boolean measured) {
        return predict(
                () -> measured ? predictor.measure(prompts) : predictor.predict(prompts),
                () -> probe.repeat(predictor, predictors.weights().classes()));
    }

    /** A failure is that of the questions where the model still answers the probe. */
    static List<Predictive> predict(Supplier<List<Predictive>> model, Runnable probe) {
        try {
            return model.get();
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw e;
        } catch (RuntimeException e) {
            probe.run();
            throw new IllegalArgumentException("the model cannot be asked: " + e.getMessage(), e);
        }
    }
}
