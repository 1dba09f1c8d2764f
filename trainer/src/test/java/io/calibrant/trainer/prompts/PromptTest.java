package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class PromptTest {
    private static final List<Choice> AB = List.of(new Choice("A", "13."), new Choice("B", "10."));
    private static final List<Choice> FALSE_TRUE = List.of(new Choice("False", "no"), new Choice("True", "yes"));

    @Test
    void shouldAskMultipleChoiceQuestionsInThePapersWords() {
        assertThat(Prompt.text(new Question("q", "Which is larger?", null, AB, null)))
                .isEqualTo("Select one of the choices that answers the following question: Which is larger?"
                        + " Choices: A. 13. B. 10. Answer:");
    }

    @Test
    void shouldPutTheContextOfAMultipleChoiceQuestionBeforeItsChoices() {
        assertThat(Prompt.text(new Question("q", "Which?", "Some facts.", AB, null)))
                .isEqualTo("Select one of the choices that answers the following question: Which? Context: Some facts."
                        + " Choices: A. 13. B. 10. Answer:");
    }

    @Test
    void shouldAskTrueFalseQuestionsInThePapersWords() {
        assertThat(Prompt.text(new Question("q", "is it", "It is.", FALSE_TRUE, null)))
                .isEqualTo("Answer the question with only True or False: is it Context: It is.");
        assertThat(Prompt.text(new Question("q", "is it", null, FALSE_TRUE, null)))
                .isEqualTo("Answer the question with only True or False: is it");
    }

    @Test
    void shouldTakeOtherTwoWayLabelsForMultipleChoice() {
        Question yesNo = new Question("q", "is it", null, List.of(new Choice("True", ""), new Choice("No", "")), null);
        assertThat(yesNo.isTrueFalse()).isFalse();
        assertThat(Prompt.text(yesNo)).startsWith("Select one");
    }

    @Test
    void shouldAppendTheEndTokenToTrueFalsePromptsOnly() {
        try (PromptTokenizer tokenizer = Tokenizers.golden()) {
            Question trueFalse = new Question("q", "is it", "It is.", FALSE_TRUE, null);
            Question choice = new Question("q", "which", null, AB, null);
            ClassTokens classes = new ClassTokens(List.of(
                    new ClassToken("A", 3),
                    new ClassToken("B", 4),
                    new ClassToken("False", 5),
                    new ClassToken("True", 6)));
            long[] plain = tokenizer.encode(Prompt.text(trueFalse));

            EncodedPrompt ended = EncodedPrompt.of(trueFalse, tokenizer, classes, OptionalInt.of(1));

            assertThat(ended.ids()).startsWith(plain).endsWith(1).hasSize(plain.length + 1);
            assertThat(ended.classes()).containsExactly(2, 3);
            assertThat(EncodedPrompt.of(trueFalse, tokenizer, classes, OptionalInt.empty())
                            .ids())
                    .isEqualTo(plain);
            assertThat(EncodedPrompt.of(choice, tokenizer, classes, OptionalInt.of(1))
                            .ids())
                    .isEqualTo(tokenizer.encode(Prompt.text(choice)));
        }
    }
}
