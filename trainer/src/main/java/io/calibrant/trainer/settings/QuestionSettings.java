package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import java.nio.file.Path;

/**
 * The questions of a run.
 *
 * @param file labelled training questions
 * @param maxLength longest prompt, tokens
 * @param skipLong whether questions whose prompts are longer are left out; else they are refused
 * @param validation which questions are sent as validation questions
 */
public record QuestionSettings(Path file, int maxLength, boolean skipLong, ValidationSource validation) {
    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public QuestionSettings {
        Require.atLeast("--max-length", maxLength, 1);
    }

    /** All questions of a file, prompts of up to 300 tokens, no validation questions. */
    public static QuestionSettings of(Path file) {
        return new QuestionSettings(file, 300, false, ValidationSource.NONE);
    }

    /** The same with another longest prompt, tokens. */
    public QuestionSettings withMaxLength(int newMaxLength) {
        return new QuestionSettings(file, newMaxLength, skipLong, validation);
    }

    /** The same, but questions with longer prompts are left out. */
    public QuestionSettings skippingLong() {
        return new QuestionSettings(file, maxLength, true, validation);
    }

    /** The same with other validation questions. */
    public QuestionSettings withValidation(ValidationSource newValidation) {
        return new QuestionSettings(file, maxLength, skipLong, newValidation);
    }
}
