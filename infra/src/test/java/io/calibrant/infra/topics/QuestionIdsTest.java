package io.calibrant.infra.topics;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.avro.Purpose;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class QuestionIdsTest {
    private static final Question FIRST = question("Is it day?");
    private static final Question OTHER = question("Is it night?");

    private static Question question(String text) {
        return new Question("0", text, null, List.of(new Choice("A", "yes"), new Choice("B", "no")), "A");
    }

    private static void require(Question there, Purpose was, Question asked, Purpose purpose) {
        QuestionIds.requireFree(
                Map.of("0", QuestionSender.record(there, was, "r", null, null)), "questions", List.of(asked), purpose);
    }

    @Test
    void shouldRefuseAnIdThatStandsForAnotherQuestion() {
        assertThatThrownBy(() -> require(FIRST, Purpose.VALIDATION, OTHER, Purpose.ANSWER))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("'0' is taken", "topic questions", "another validation question", "test-0");
        assertThatThrownBy(() -> require(FIRST, Purpose.ANSWER, OTHER, Purpose.VALIDATION))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has another question");
    }

    @Test
    void shouldNotMeasureOnWhatCalibrated() {
        assertThatThrownBy(() -> require(FIRST, Purpose.VALIDATION, FIRST, Purpose.ANSWER))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("'0' is a validation question of run 'r'", "cannot be measured");
    }

    @Test
    void shouldLetTheSameQuestionBeAskedAgain() {
        assertThatCode(() -> require(FIRST, Purpose.ANSWER, FIRST, Purpose.ANSWER))
                .doesNotThrowAnyException();
        assertThatCode(() -> require(FIRST, Purpose.VALIDATION, FIRST, Purpose.VALIDATION))
                .doesNotThrowAnyException();
        assertThatCode(() -> QuestionIds.requireFree(Map.of(), "questions", List.of(FIRST), Purpose.ANSWER))
                .doesNotThrowAnyException();
    }
}
