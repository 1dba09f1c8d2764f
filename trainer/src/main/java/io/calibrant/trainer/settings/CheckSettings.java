package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.prompts.PromptForm;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What is to be looked at before anything goes to Kafka.
 *
 * @param model Hugging Face directory
 * @param base in what numbers its weights are held
 * @param adapter PEFT directory; empty for the model alone
 * @param questions with or without answers
 * @param prompt how they are asked
 * @param labels choices of the questions that name none, as {@link QuestionSettings#labels}
 * @param limit how many questions are asked, from the first; empty for all
 * @param device where the model is computed
 */
public record CheckSettings(
        Path model,
        BaseFormat base,
        Optional<Path> adapter,
        Path questions,
        PromptForm prompt,
        List<String> labels,
        OptionalInt limit,
        ComputeDevice device) {
    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public CheckSettings {
        labels = QuestionSettings.distinct(labels);
        limit.ifPresent(most -> Require.atLeast("--limit", most, 1));
    }
}
