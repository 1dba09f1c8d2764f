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
     * @param replaced whether the run of this name is to be deleted, and what it was asked with it
     * @throws IllegalArgumentException naming file, line, id, and what has it
     */
    static void requireFree(
            Connection connection, TrainerSettings settings, List<Question> validation, boolean replaced) {
        if (!validation.isEmpty()) {
            requireFree(AskedQuestions.read(connection), settings, validation, replaced);
        }
    }

    static void requireFree(
            AskedQuestions there, TrainerSettings settings, List<Question> validation, boolean replaced) {
        AskedQuestions asked = replaced ? there.without(settings.run()) : there;
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
