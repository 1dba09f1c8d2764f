package io.calibrant.infra.bench;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.service.ModelCheck;
import io.calibrant.trainer.settings.CheckSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a model in two bytes a number is asked, to see what becomes of its answers.
 *
 * @param adapter as the trainer reads it
 * @param training labelled questions that its curvature is measured on
 * @param test labelled questions that it answers
 * @param on in words
 */
record BaseQuestions(Adapter adapter, List<EncodedPrompt> training, List<EncodedPrompt> test, String on) {

    /**
     * Reads and checks files as {@code check} does.
     *
     * @throws IllegalArgumentException one line, naming a file or question that cannot be used
     */
    static BaseQuestions read(Path model, Path adapter, PromptForm form, Path questions, Path test) {
        ModelCheck training = check(model, adapter, form, questions);
        ClassTokens classes = new ClassTokens(training.classTokens());
        List<EncodedPrompt> first = classes.place(training.prompts());
        List<EncodedPrompt> second =
                classes.place(check(model, adapter, form, test).prompts());
        requireLabelled("--questions", first);
        requireLabelled("--test", second);
        return new BaseQuestions(
                training.adapter().orElseThrow(),
                first,
                second,
                adapter + ", " + first.size() + " questions, answers to " + second.size() + " others");
    }

    private static ModelCheck check(Path model, Path adapter, PromptForm form, Path questions) {
        return ModelCheck.read(new CheckSettings(
                model,
                BaseFormat.F32,
                Optional.of(adapter),
                questions,
                form,
                List.of(),
                OptionalInt.empty(),
                ComputeDevice.CPU));
    }

    private static void requireLabelled(String flag, List<EncodedPrompt> prompts) {
        for (EncodedPrompt prompt : prompts) {
            Require.that(
                    prompt.question().answerIndex().isPresent(),
                    flag,
                    "question '" + prompt.question().id() + "' without an answer",
                    "questions with answers");
        }
    }
}
