package io.calibrant.trainer.service;

import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/**
 * An adapter's directory may hold the tokenizer that it was trained with. Questions are read with the model's, by the
 * trainer and by every scorer, so the two have to make the same tokens.
 */
final class AdapterTokenizer {
    private static final String TOKENIZER = "tokenizer.json";
    private static final String SETTINGS = "tokenizer_config.json";

    private AdapterTokenizer() {}

    /**
     * Compares the tokens of all questions.
     *
     * @param prompts as the model's tokenizer made them
     * @param classTokens as the model's tokenizer made them
     * @throws IllegalArgumentException naming both files and the first question of which they make other tokens
     */
    static void requireSame(Path adapter, Path model, List<EncodedPrompt> prompts, ClassTokens classTokens) {
        if (!Files.exists(adapter.resolve(TOKENIZER))
                || (isSame(adapter, model, TOKENIZER) && isSame(adapter, model, SETTINGS))) {
            return;
        }
        List<Question> questions = prompts.stream().map(EncodedPrompt::question).toList();
        try (PromptTokenizer own = PromptTokenizer.loadOfAdapter(adapter)) {
            ClassTokens tokens = ClassTokens.lookup(own, questions);
            for (EncodedPrompt prompt : prompts) {
                // the end of sequence is the model's; what the tokenizers make of the text decides
                long[] ids = EncodedPrompt.of(prompt.question(), own, tokens, OptionalInt.empty())
                        .ids();
                if (!isAllBut(ids, prompt)) {
                    throw differ(adapter, model, prompt.question().id());
                }
            }
            if (!tokens.equals(classTokens)) {
                throw differ(adapter, model, questions.get(0).id());
            }
        }
    }

    /** Whether these are the tokens of a prompt, but for the token that ends a True/False one. */
    private static boolean isAllBut(long[] ids, EncodedPrompt prompt) {
        long[] known = prompt.ids();
        if (!prompt.question().isTrueFalse() || known.length != ids.length + 1) {
            return Arrays.equals(ids, known);
        }
        int same = Arrays.mismatch(ids, known);
        return Arrays.equals(ids, same, ids.length, known, same + 1, known.length);
    }

    private static boolean isSame(Path adapter, Path model, String name) {
        Path own = adapter.resolve(name);
        Path other = model.resolve(name);
        try {
            return Files.isRegularFile(own)
                    ? Files.isRegularFile(other) && Files.mismatch(own, other) < 0
                    : !Files.exists(own) && !Files.exists(other);
        } catch (IOException e) {
            return false;
        }
    }

    private static IllegalArgumentException differ(Path adapter, Path model, String question) {
        return new IllegalArgumentException("tokenizer file " + adapter.resolve(TOKENIZER) + " of the adapter must make"
                + " the tokens that " + model.resolve(TOKENIZER) + " of the model makes, got others for question '"
                + question + "': the adapter was trained with its own, so copy it (and " + SETTINGS
                + ") into the model's directory, or, if it was not, remove it from the adapter's");
    }
}
