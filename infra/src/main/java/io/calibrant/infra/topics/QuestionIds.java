package io.calibrant.infra.topics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.trainer.prompts.Question;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Answers and labels are joined by question id: two questions under one id would be one to whoever measures or
 * calibrates, with the label of the one on the answer of the other. Files that count from 0 each are the usual way to
 * that.
 */
public final class QuestionIds {
    private QuestionIds() {}

    /**
     * Refuses questions whose id stands for something else on topic {@code questions}.
     *
     * @param purpose what they are to be sent for; a validation question is not to be asked for anything else, that
     *     would take it from the calibration
     * @throws IllegalArgumentException naming the id, what has it, and what is accepted
     */
    public static void requireFree(Connection connection, List<Question> questions, Purpose purpose) {
        requireFree(known(connection), connection.topics().questions(), questions, purpose);
    }

    /** The newest question of every id on topic {@code questions}; bad records are the services' to report. */
    public static Map<String, io.calibrant.schemas.avro.Question> known(Connection connection) {
        return TopicReader.latest(
                connection, connection.topics().questions(), io.calibrant.schemas.avro.Question.class, line -> {});
    }

    /**
     * As {@link #requireFree(Connection, List, Purpose)}, for those who have read the topic.
     *
     * @param known what {@link #known} has found
     * @param topic where
     */
    public static void requireFree(
            Map<String, io.calibrant.schemas.avro.Question> known,
            String topic,
            List<Question> questions,
            Purpose purpose) {
        for (Question question : questions) {
            io.calibrant.schemas.avro.Question there = known.get(question.id());
            if (there == null) {
                continue;
            }
            io.calibrant.schemas.avro.Question ours = QuestionSender.record(question, purpose, null, null, null);
            boolean same = ours.getStem().equals(there.getStem())
                    && ours.getChoices().equals(there.getChoices())
                    && Objects.equals(ours.getContext(), there.getContext());
            boolean validation = there.getPurpose() == Purpose.VALIDATION;
            if (!same) {
                throw new IllegalArgumentException("question id '" + question.id() + "' is taken: topic " + topic
                        + " has another " + (validation ? "validation " : "")
                        + "question with this id, and answers and labels are joined by it; give it an id that no other"
                        + " question has, for example 'test-" + question.id() + "'");
            }
            if (validation && purpose != Purpose.VALIDATION) {
                throw new IllegalArgumentException("question '" + question.id() + "' is a validation question"
                        + (there.getRun() == null ? "" : " of run '" + there.getRun() + "'")
                        + ": what was calibrated on it cannot be measured on it; give other questions");
            }
        }
    }
}
