package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.prompts.PromptForm;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;

/**
 * The questions of a run.
 *
 * @param file labelled training questions
 * @param maxLength longest prompt, tokens
 * @param skipLong whether questions whose prompts are longer are left out; else they are refused
 * @param validation which questions are sent as validation questions
 * @param prompt how questions are asked, in the form that the adapter was or is to be trained with
 * @param labels choices of the questions that name none; of a sequence classifier in the order of its logits; empty: as
 *     the files of a classifier name them, and all questions name theirs
 */
public record QuestionSettings(
        Path file,
        int maxLength,
        boolean skipLong,
        ValidationSource validation,
        PromptForm prompt,
        List<String> labels) {
    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public QuestionSettings {
        Require.atLeast("--max-length", maxLength, 1);
        labels = distinct(labels);
    }

    /** A copy of {@code --labels}, checked; none is well, too. */
    static List<String> distinct(List<String> labels) {
        Require.that(
                labels.isEmpty() || (labels.size() > 1 && new HashSet<>(labels).size() == labels.size()),
                "--labels",
                String.join(",", labels),
                "two labels or more, distinct, with commas between them");
        return List.copyOf(labels);
    }

    /** Of questions that name their choices. */
    public QuestionSettings(
            Path file, int maxLength, boolean skipLong, ValidationSource validation, PromptForm prompt) {
        this(file, maxLength, skipLong, validation, prompt, List.of());
    }

    /** All questions of a file, the paper's prompts of up to 300 tokens, no validation questions. */
    public static QuestionSettings of(Path file) {
        return new QuestionSettings(file, 300, false, ValidationSource.NONE, PromptForm.PAPER, List.of());
    }

    /** The same with another longest prompt, tokens. */
    public QuestionSettings withMaxLength(int newMaxLength) {
        return new QuestionSettings(file, newMaxLength, skipLong, validation, prompt, labels);
    }

    /** The same, but questions with longer prompts are left out. */
    public QuestionSettings skippingLong() {
        return new QuestionSettings(file, maxLength, true, validation, prompt, labels);
    }

    /** The same with other validation questions. */
    public QuestionSettings withValidation(ValidationSource newValidation) {
        return new QuestionSettings(file, maxLength, skipLong, newValidation, prompt, labels);
    }

    /** The same asked in another form. */
    public QuestionSettings withPrompt(PromptForm newPrompt) {
        return new QuestionSettings(file, maxLength, skipLong, validation, newPrompt, labels);
    }

    /** The same where questions may leave their choices to the run. */
    public QuestionSettings withLabels(List<String> newLabels) {
        return new QuestionSettings(file, maxLength, skipLong, validation, prompt, newLabels);
    }
}
