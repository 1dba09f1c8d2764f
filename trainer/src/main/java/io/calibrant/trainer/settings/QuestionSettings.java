package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.prompts.PromptForm;
import java.nio.file.Path;

/**
 * The questions of a run.
 *
 * @param file labelled training questions
 * @param maxLength longest prompt, tokens
 * @param skipLong whether questions whose prompts are longer are left out; else they are refused
 * @param validation which questions are sent as validation questions
 * @param prompt how questions are asked, in the form that the adapter was or is to be trained with
 */
public record QuestionSettings(
        Path file, int maxLength, boolean skipLong, ValidationSource validation, PromptForm prompt) {
    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public QuestionSettings {
        Require.atLeast("--max-length", maxLength, 1);
    }

    /** All questions of a file, the paper's prompts of up to 300 tokens, no validation questions. */
    public static QuestionSettings of(Path file) {
        return new QuestionSettings(file, 300, false, ValidationSource.NONE, PromptForm.PAPER);
    }

    /** The same with another longest prompt, tokens. */
    public QuestionSettings withMaxLength(int newMaxLength) {
        return new QuestionSettings(file, newMaxLength, skipLong, validation, prompt);
    }

    /** The same, but questions with longer prompts are left out. */
    public QuestionSettings skippingLong() {
        return new QuestionSettings(file, maxLength, true, validation, prompt);
    }

    /** The same with other validation questions. */
    public QuestionSettings withValidation(ValidationSource newValidation) {
        return new QuestionSettings(file, maxLength, skipLong, newValidation, prompt);
    }

    /** The same asked in another form. */
    public QuestionSettings withPrompt(PromptForm newPrompt) {
        return new QuestionSettings(file, maxLength, skipLong, validation, newPrompt);
    }
}
