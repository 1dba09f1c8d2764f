package io.calibrant.trainer.service;

import io.calibrant.trainer.model.ContextLimit;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import io.calibrant.trainer.settings.TrainerSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Finds the questions of a file whose prompts are too long, all of them at once. */
final class PromptLengths {
    private final int most;
    private final boolean skip;
    private final ContextLimit context;
    private final Path model;
    private final PromptEncoder encoder;
    private final Consumer<String> notes;

    PromptLengths(TrainerSettings settings, ModelConfig config, PromptEncoder encoder, Consumer<String> notes) {
        most = settings.questions().maxLength();
        skip = settings.questions().skipLong();
        context = config.context();
        model = settings.model();
        this.encoder = encoder;
        this.notes = notes;
    }

    /**
     * The prompts of the questions that fit.
     *
     * @param file they are from
     * @return all, or with {@code --skip-long} those that are not too long, in file order
     * @throws IllegalArgumentException saying how many are too long, which is the longest, and what to do; also where
     *     none is left
     */
    List<TokenizedPrompt> fitting(Path file, List<Question> questions) {
        int limit = Math.min(most, context.tokens());
        List<TokenizedPrompt> fitting = new ArrayList<>();
        TokenizedPrompt longest = null;
        for (Question question : questions) {
            TokenizedPrompt prompt = encoder.encode(question);
            if (prompt.length() <= limit) {
                fitting.add(prompt);
            } else if (longest == null || prompt.length() > longest.length()) {
                longest = prompt;
            }
        }
        if (longest == null) {
            return List.copyOf(fitting);
        }
        String limits =
                most <= context.tokens() ? "--max-length" : context.key() + " of " + model.resolve("config.json");
        String found = "question file " + file + ": prompts must be at most " + limit + " tokens long (" + limits
                + "), got " + (questions.size() - fitting.size()) + " of " + questions.size()
                + " that are longer, the longest, of question '"
                + longest.question().id() + "', with " + longest.length() + " tokens";
        if (skip && !fitting.isEmpty()) {
            notes.accept("note: " + found + "; they are left out (--skip-long)");
            return fitting;
        }
        throw new IllegalArgumentException(found + advice(longest.length(), fitting.isEmpty()));
    }

    private String advice(int longest, boolean none) {
        String longer = longest <= context.tokens() ? ": --max-length " + longest + " fits them all" : "";
        String left = none ? "" : (longer.isEmpty() ? ": " : ", ") + "--skip-long leaves them out";
        return longer + left;
    }
}
