package io.calibrant.infra.topics;

import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.AskedQuestions;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionPlace;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Answers and labels are joined by run and question id: two questions under one id would be one to whoever measures or
 * calibrates, with the label of the one on the answer of the other. Who sends a file checks it first.
 */
public final class QuestionIds {
    private QuestionIds() {}

    /** What is to become of the questions. */
    public enum Use {
        /** They are answered, whatever for. */
        ASK {
            @Override
            Optional<String> refusal(AskedQuestions asked, String id, String run, QuestionText text) {
                return asked.otherText(id, run, text);
            }
        },

        /** Their answers are measured: they must not be questions for validation. */
        MEASURE {
            @Override
            Optional<String> refusal(AskedQuestions asked, String id, String run, QuestionText text) {
                return asked.notToBeMeasured(id, run, text);
            }
        },

        /** Only their labels are sent. */
        LABEL {
            @Override
            Optional<String> refusal(AskedQuestions asked, String id, String run, QuestionText text) {
                return asked.noSuchText(id, run, text);
            }
        };

        abstract Optional<String> refusal(AskedQuestions asked, String id, String run, QuestionText text);
    }

    /**
     * Refuses questions whose id stands for something else on topic {@code questions}.
     *
     * @param run that they name; null for none
     * @param file where they are from, for the message; null for none
     * @throws IllegalArgumentException naming file, line, id, what has it, and what is accepted
     */
    public static void requireFree(AskedQuestions asked, List<Question> questions, Use use, String run, Path file) {
        for (Question question : questions) {
            use.refusal(asked, question.id(), run, text(question)).ifPresent(why -> {
                throw new IllegalArgumentException(QuestionPlace.of(file, question.id()) + ": " + why);
            });
        }
    }

    /** The text of a question of a file. */
    public static QuestionText text(Question question) {
        return QuestionText.of(QuestionSender.record(question, Purpose.ANSWER, null, null, null));
    }
}
