package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.AskedQuestions;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.settings.TrainerSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ValidationIdsTest {
    private static final TrainerSettings SETTINGS =
            TrainerSettings.of("r1", Path.of("no model"), Path.of("no such file"));

    private static AskedQuestions asked(String run, String stem) {
        io.calibrant.schemas.avro.Question there = io.calibrant.schemas.avro.Question.newBuilder()
                .setStem(stem)
                .setChoices(List.of(new Choice("A", "yes"), new Choice("B", "no")))
                .setPurpose(Purpose.VALIDATION)
                .setRun(run)
                .setQuestionId("0")
                .build();
        return AskedQuestions.of("questions", Map.of(run + "/0", there));
    }

    private static List<Question> ours() {
        return List.of(new Question(
                "0",
                "Is it day?",
                null,
                List.of(
                        new io.calibrant.trainer.prompts.Choice("A", "yes"),
                        new io.calibrant.trainer.prompts.Choice("B", "no")),
                "A"));
    }

    @Test
    void shouldRefuseAnIdThatStandsForAnotherTextInTheRun() {
        assertThatThrownBy(() -> ValidationIds.requireFree(asked("r1", "Is it night?"), SETTINGS, ours(), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("question file no such file: id '0' is taken", "of run 'r1'");
    }

    @Test
    void shouldLetTheFilesOfTwoRunsBothCountFromZeroAndARunBeTrainedAgain() {
        assertThatCode(() -> {
                    ValidationIds.requireFree(asked("r2", "Is it night?"), SETTINGS, ours(), false);
                    ValidationIds.requireFree(asked("r1", "Is it day?"), SETTINGS, ours(), false);
                    ValidationIds.requireFree(asked("r1", "Is it night?"), SETTINGS, ours(), true);
                })
                .doesNotThrowAnyException();
    }
}
