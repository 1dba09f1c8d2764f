package io.calibrant.scorer.answering;

import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.PredictiveStatistics;
import java.util.Optional;

/** What became of a question. */
public sealed interface Outcome {
    /**
     * It is answered.
     *
     * @param answer complete
     * @param statistics there if they were asked for
     */
    record Answered(Answer answer, Optional<PredictiveStatistics> statistics) implements Outcome {}

    /**
     * It cannot be answered.
     *
     * @param reason for its dead letter
     */
    record Rejected(BadQuestionException reason) implements Outcome {}
}
