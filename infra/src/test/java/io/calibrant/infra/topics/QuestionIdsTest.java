package io.calibrant.infra.topics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.TrainingTexts;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.AskedQuestions;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class QuestionIdsTest {
    private static final Question FIRST = question("Is it day?");
    private static final Question OTHER = question("Is it night?");

    private static Question question(String text) {
        return new Question("0", text, null, List.of(new Choice("A", "yes"), new Choice("B", "no")), "A");
    }

    private static void require(Question there, Purpose was, Question asked, QuestionIds.Use use) {
        require("r", there, was, "r", asked, use);
    }

    private static void require(
            String run, Question there, Purpose was, String ours, Question asked, QuestionIds.Use use) {
        AskedQuestions known =
                AskedQuestions.of("questions", Map.of("0", QuestionSender.record(there, was, run, null, null)));
        QuestionIds.requireFree(known, List.of(asked), use, ours, null);
    }

    @Test
    void shouldRefuseAnIdThatStandsForAnotherQuestion() {
        assertThatThrownBy(() -> require(FIRST, Purpose.VALIDATION, OTHER, QuestionIds.Use.ASK))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("'0' is taken", "topic questions", "another validation question", "test-0");
        assertThatThrownBy(() -> require(FIRST, Purpose.ANSWER, OTHER, QuestionIds.Use.MEASURE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has another question");
    }

    @Test
    void shouldLetFilesOfTwoRunsBothCountFromZero() {
        for (QuestionIds.Use use : QuestionIds.Use.values()) {
            assertThatCode(() -> require("r1", FIRST, Purpose.VALIDATION, "r2", OTHER, use))
                    .doesNotThrowAnyException();
        }
    }

    @Test
    void shouldTakeAQuestionWithoutARunForOneOfEveryRun() {
        assertThatThrownBy(() -> require(null, FIRST, Purpose.ANSWER, "r2", OTHER, QuestionIds.Use.ASK))
                .hasMessageContaining("question: id '0' is taken");
        assertThatThrownBy(() -> require("r1", FIRST, Purpose.ANSWER, null, OTHER, QuestionIds.Use.ASK))
                .hasMessageContaining("question of run 'r1'");
    }

    @Test
    void shouldRefuseLabelsOfAnotherText() {
        assertThatThrownBy(() -> require("r1", FIRST, Purpose.VALIDATION, null, OTHER, QuestionIds.Use.LABEL))
                .hasMessageContainingAll("'0' is taken", "another validation question of run 'r1'");
        assertThatCode(() -> require("r1", FIRST, Purpose.VALIDATION, null, FIRST, QuestionIds.Use.LABEL))
                .doesNotThrowAnyException();
    }

    @Test
    void shouldSendLabelsToTheRunsThatWereAsked() {
        Map<String, io.calibrant.schemas.avro.Question> asked = new HashMap<>();
        asked.put("r1/0", QuestionSender.record(FIRST, Purpose.ANSWER, "r1", null, null));
        asked.put("r2/0", QuestionSender.record(FIRST, Purpose.VALIDATION, "r2", null, null));
        asked.put("r3/0", QuestionSender.record(OTHER, Purpose.ANSWER, "r3", null, null));
        assertThat(AskedQuestions.of("questions", asked).runs("0", QuestionIds.text(FIRST)))
                .containsExactly("r1", "r2");
        asked.put("0", QuestionSender.record(FIRST, Purpose.ANSWER, null, null, null));
        assertThat(AskedQuestions.of("questions", asked).runs("0", QuestionIds.text(FIRST)))
                .isEmpty();
    }

    @Test
    void shouldNotValidateWithWhatARunWasTrainedOn() {
        TrainingTexts texts = TrainingTexts.of(List.of(QuestionIds.text(FIRST)));
        Question renamed = new Question("val-0", FIRST.question(), null, FIRST.choices(), "B");
        List<String> lines = new ArrayList<>();
        Path file = Path.of("none");

        assertThatThrownBy(() -> TrainingQuestions.unseen(texts, "r1", List.of(renamed), file, lines::add))
                .hasMessageContainingAll("question file none", "'val-0'", "run 'r1' was trained on", "1 of 1");
        assertThat(TrainingQuestions.unseen(texts, "r1", List.of(OTHER), file, lines::add))
                .containsExactly(OTHER);
        assertThat(lines).isEmpty();
        assertThat(TrainingQuestions.unseen(texts, "r1", List.of(OTHER, renamed), file, lines::add))
                .containsExactly(OTHER);
        assertThat(lines).singleElement().asString().contains("'val-0'", "1 of 2 are: refused");
    }

    @Test
    void shouldNotMeasureOnWhatCalibrated() {
        assertThatThrownBy(() -> require(FIRST, Purpose.VALIDATION, FIRST, QuestionIds.Use.MEASURE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("'0' is that of a validation question of run 'r'", "cannot be measured");
    }

    @Test
    void shouldLetTheSameQuestionBeAskedAgain() {
        assertThatCode(() -> require(FIRST, Purpose.ANSWER, FIRST, QuestionIds.Use.MEASURE))
                .doesNotThrowAnyException();
        assertThatCode(() -> require(FIRST, Purpose.VALIDATION, FIRST, QuestionIds.Use.ASK))
                .doesNotThrowAnyException();
        assertThatCode(() -> QuestionIds.requireFree(
                        AskedQuestions.of("questions", Map.of()), List.of(FIRST), QuestionIds.Use.MEASURE, null, null))
                .doesNotThrowAnyException();
    }
}
