package io.calibrant.scorer.serving;

import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.scorer.answering.Answerer;
import io.calibrant.scorer.answering.ClassPlaces;
import io.calibrant.scorer.answering.Outcome;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.answering.TokenizedQuestion;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.util.Arrays;
import java.util.List;

/**
 * A short question that a model is asked before it is served: where not even this one has an answer, the posterior is
 * at fault and not the questions. Thread-safe but for {@link #check}, which is the keeper's.
 */
final class Probe {
    private static final String TEXT = "Answer:";

    private final TokenizedQuestion question;
    private final Tier tier;
    private List<Predictive> predicted;

    private Probe(TokenizedQuestion question, Tier tier) {
        this.question = question;
        this.tier = tier;
    }

    /** The probe of a run's models at a tier; of a run without two classes there is nothing to ask. */
    static Probe of(BaseModel base, Run run, Tier tier) {
        List<io.calibrant.schemas.avro.ClassToken> classes =
                run.getClassTokens().stream().limit(Question.MAX_CHOICES).toList();
        if (classes.size() < Question.MIN_CHOICES) {
            return new Probe(null, tier);
        }
        long[] ids = Arrays.stream(base.tokenizer().encode(TEXT))
                .filter(id -> id < base.model().config().vocabularySize())
                .limit(base.model().config().maxPositions())
                .toArray();
        Question question = new Question(
                "probe",
                TEXT,
                null,
                classes.stream().map(each -> new Choice(each.getLabel(), "")).toList(),
                null);
        int[] choices = classes.stream().mapToInt(each -> each.getTokenId()).toArray();
        return new Probe(
                new TokenizedQuestion(question, ids.length == 0 ? new long[1] : ids, choices, Purpose.ANSWER), tier);
    }

    /**
     * Asks the model, the first time, and makes an answer of what it says.
     *
     * @throws IllegalArgumentException if there is no answer
     * @throws ArithmeticException if what the model says is not finite
     */
    void check(Answerer answerer, TierPredictors predictors) {
        if (question == null) {
            return;
        }
        ClassPlaces places = predictors.weights().classes();
        if (predicted == null) {
            predicted = predictors.predictor(tier).predict(List.of(places.place(question)));
        }
        Outcome outcome = answerer.answer(prompts -> predicted, places, tier, List.of(question), false)
                .get(0);
        if (outcome instanceof Outcome.Rejected rejected) {
            throw new IllegalArgumentException(rejected.reason().getMessage(), rejected.reason());
        }
    }

    /**
     * Asks the model again, to tell a question that it cannot be asked from a model that cannot be asked anything.
     *
     * @throws RuntimeException if this fails as well
     */
    void repeat(Predictor predictor, ClassPlaces places) {
        if (question != null) {
            predictor.predict(List.of(places.place(question)));
        }
    }
}
