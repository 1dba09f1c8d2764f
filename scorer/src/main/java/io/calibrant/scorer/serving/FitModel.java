package io.calibrant.scorer.serving;

import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.scorer.answering.Answerer;
import io.calibrant.scorer.answering.BadQuestionException;
import io.calibrant.scorer.answering.Outcome;
import io.calibrant.scorer.answering.PromptReader;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.answering.TokenizedQuestion;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.prompts.Question;
import java.util.List;
import java.util.Set;

/** One version of one posterior on one adapter, never a mixture, ready to answer. Thread-safe. */
public final class FitModel {
    private final Snapshot snapshot;
    private final TierPredictors predictors;
    private final PromptReader prompts;
    private final Answerer answerer;

    /** Takes over the caller's reference to the predictors. */
    FitModel(Snapshot snapshot, TierPredictors predictors, PromptReader prompts, Answerer answerer) {
        this.snapshot = snapshot;
        this.predictors = predictors;
        this.prompts = prompts;
        this.answerer = answerer;
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

    /** A model on the same predictors, for a posterior that differs in its calibration only. */
    FitModel with(Posterior posterior) {
        predictors.hold();
        return new FitModel(
                new Snapshot(snapshot.run(), posterior, snapshot.adapter(), snapshot.blocks()),
                predictors,
                prompts,
                answerer.with(posterior));
    }

    /**
     * Encodes a question for this model.
     *
     * @throws BadQuestionException if the model cannot be asked
     */
    public TokenizedQuestion read(Question question, Purpose purpose) throws BadQuestionException {
        return prompts.read(question, purpose);
    }

    /**
     * Answers questions in one batch; if that fails, each on its own, so that one bad question fails alone.
     *
     * @param questions all their choices are among {@link #tokens}
     * @param measured whether their predictive statistics are wanted
     * @return in the order of the questions
     */
    public List<Outcome> answer(Tier tier, List<TokenizedQuestion> questions, boolean measured) {
        Predictor predictor = predictors.predictor(tier);
        return answerer.answer(
                measured ? predictor::measure : predictor::predict,
                predictors.weights().classes(),
                tier,
                questions,
                measured);
    }
}
