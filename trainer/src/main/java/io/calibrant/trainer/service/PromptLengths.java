package io.calibrant.trainer.service;

import io.calibrant.trainer.model.ContextLimit;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.settings.TrainerSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;

/** Finds the questions of a file whose prompts are too long, all of them at once. */
final class PromptLengths {
    private final int most;
    private final boolean skip;
    private final ContextLimit context;
    private final Path model;
    private final PromptTokenizer tokenizer;
    private final OptionalInt eos;
    private final Consumer<String> notes;

    PromptLengths(
            TrainerSettings settings,
            ModelConfig config,
            PromptTokenizer tokenizer,
            OptionalInt eos,
            Consumer<String> notes) {
        most = settings.questions().maxLength();
        skip = settings.questions().skipLong();
        context = config.context();
        model = settings.model();
        this.tokenizer = tokenizer;
        this.eos = eos;
        this.notes = notes;
    }

    /**
     * The questions that fit.
     *
     * @param file they are from
     * @return all, or with {@code --skip-long} those that are not too long, in file order
     * @throws IllegalArgumentException saying how many are too long, which is the longest, and what to do; also where
     *     none is left
     */
    List<Question> fitting(Path file, List<Question> questions) {
        ClassTokens classTokens = ClassTokens.lookup(tokenizer, questions);
        int limit = Math.min(most, context.tokens());
        List<Question> fitting = new ArrayList<>();
        EncodedPrompt longest = null;
        for (Question question : questions) {
            EncodedPrompt prompt = EncodedPrompt.of(question, tokenizer, classTokens, eos);
            if (prompt.length() <= limit) {
                fitting.add(question);
            } else if (longest == null || prompt.length() > longest.length()) {
                longest = prompt;
            }
        }
        if (longest == null) {
            return List.copyOf(questions);
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
