package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TrainingTextsTest {
    private static QuestionText text(String stem, String... choices) {
        return new QuestionText(stem, null, List.of("A", "B"), List.of(choices));
    }

    @Test
    void shouldRecogniseATextWhateverTheOrderOfItsChoicesAndItsWhiteSpace() {
        TrainingTexts texts = TrainingTexts.of(List.of(text("Is it day?", "yes", "no"), text("Which?", "1", "2")));
        TrainingTexts read = TrainingTexts.read(texts.bytes());
        assertThat(read.contains(text("Is it day?", "yes", "no"))).isTrue();
        assertThat(read.contains(text(" Is  it day?\n", "no", "yes "))).isTrue();
        assertThat(read.contains(text("Is it night?", "yes", "no"))).isFalse();
        assertThat(read.contains(text("Is it day?", "yes", "perhaps"))).isFalse();
        assertThat(read.contains(new QuestionText("Is it day?", "It is.", List.of("A", "B"), List.of("yes", "no"))))
                .isFalse();
        assertThat(read.isEmpty()).isFalse();
        assertThat(TrainingTexts.read(null).isEmpty()).isTrue();
    }

    @Test
    void shouldTakeHalfAMegabyteAtMost() {
        List<QuestionText> many = IntStream.range(0, TrainingTexts.MOST + 5_000)
                .mapToObj(i -> text("Question " + i, "yes", "no"))
                .toList();
        TrainingTexts texts = TrainingTexts.read(TrainingTexts.of(many).bytes());
        assertThat(texts.bytes().remaining()).isEqualTo(500_000);
        assertThat(many.stream().filter(texts::contains)).hasSize(TrainingTexts.MOST);
    }

    @Test
    void shouldDigestTheTextWithTheOrderOfItsChoices() {
        String digest = text("Is it day?", "yes", "no").digest();
        assertThat(digest)
                .matches("[0-9a-f]{16}")
                .isEqualTo(text("Is it day?", "yes", "no").digest());
        assertThat(text("Is it day?", "no", "yes").digest()).isNotEqualTo(digest);
        assertThat(text("Is it day", "?yes", "no").digest()).isNotEqualTo(digest);
    }

    @Test
    void shouldTellPromptsApartAndLeaveTheDigestOfOthersAsItWas() {
        QuestionText rendered = new QuestionText("Is it day?", null, List.of("A", "B"), List.of("yes", "no"));
        QuestionText verbatim =
                new QuestionText("Is it day?", null, List.of("A", "B"), List.of("yes", "no"), "Day? A or B:");
        assertThat(rendered.digest()).isEqualTo("8a082287afd82bcd");
        assertThat(verbatim.digest()).isNotEqualTo(rendered.digest());
        assertThat(new QuestionText("Is it day?", null, List.of("A", "B"), List.of("yes", "no"), "").digest())
                .as("an empty prompt is none")
                .isEqualTo(rendered.digest());
        TrainingTexts trained = TrainingTexts.of(List.of(verbatim));
        assertThat(trained.contains(rendered)).isFalse();
        assertThat(trained.contains(
                        new QuestionText("Is it day?", null, List.of("A", "B"), List.of("yes", "no"), "Day?  A or B:")))
                .as("other white space")
                .isTrue();
    }
}
