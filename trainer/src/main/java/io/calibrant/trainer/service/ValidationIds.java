package io.calibrant.trainer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.reading.AskedQuestions;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionPlace;
import io.calibrant.trainer.settings.TrainerSettings;
import java.nio.file.Path;
import java.util.List;

/**
 * Validation questions are sent when everything else is done: whether their ids are free is looked at before anything
 * is trained.
 */
final class ValidationIds {
    private ValidationIds() {}

    /**
     * Refuses validation questions whose id stands for another text within the run.
     *
     * @throws IllegalArgumentException naming file, line, id, and what has it
     */
    static void requireFree(Connection connection, TrainerSettings settings, List<Question> validation) {
        if (!validation.isEmpty()) {
            requireFree(AskedQuestions.read(connection), settings, validation);
        }
    }

    static void requireFree(AskedQuestions asked, TrainerSettings settings, List<Question> validation) {
        Path file = settings.questions()
                .validation()
                .file()
                .orElse(settings.questions().file());
        for (Question question : validation) {
            asked.otherText(question.id(), settings.run(), TrainingSet.text(question))
                    .ifPresent(why -> {
                        throw new IllegalArgumentException(QuestionPlace.of(file, question.id()) + ": " + why);
                    });
        }
    }
}
