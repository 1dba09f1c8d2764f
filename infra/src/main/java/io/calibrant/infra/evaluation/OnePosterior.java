package io.calibrant.infra.evaluation;

import io.calibrant.schemas.avro.Answer;
import io.calibrant.trainer.prompts.Question;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Asks, and asks again what an older version of the posterior answered: methods are compared on one calibration. A
 * posterior that changes with every round is left to the note of the comparison.
 */
final class OnePosterior {
    /** How often the questions that an older posterior answered are asked again. */
    private static final int ROUNDS = 2;

    private OnePosterior() {}

    /**
     * What came back.
     *
     * @param answers by question id
     * @param last the answer that came last; null for none
     */
    record Replies(Map<String, Answer> answers, Answer last) {}

    /**
     * The answers by question id.
     *
     * @param questions at least one
     * @param ask asks some questions and waits
     * @param refused reasons by question id, which {@code ask} puts there; such questions have no answer
     */
    static Map<String, Answer> answers(
            List<Question> questions, Function<List<Question>, Replies> ask, Map<String, String> refused) {
        Map<String, Answer> answers = new HashMap<>();
        List<Question> open = questions;
        for (int round = 0; round <= ROUNDS && !open.isEmpty(); round++) {
            Replies replies = ask.apply(open);
            answers.putAll(replies.answers());
            refused.keySet().forEach(answers::remove);
            if (replies.last() == null) {
                break;
            }
            String newest = Comparison.posterior(replies.last());
            open = questions.stream()
                    .filter(question -> answers.containsKey(question.id())
                            && !Comparison.posterior(answers.get(question.id())).equals(newest))
                    .toList();
        }
        return answers;
    }
}
