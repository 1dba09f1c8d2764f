package io.calibrant.trainer.service;

import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

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
     * @param tokenizers loads the tokenizer of the adapter's directory
     * @param encoders make what reads questions with a tokenizer, as the model's did
     * @param prompts as the model's tokenizer made them
     * @throws IllegalArgumentException naming both files and the first question of which they make other tokens
     */
    static void requireSame(
            Path adapter,
            Path model,
            Function<Path, PromptTokenizer> tokenizers,
            Function<PromptTokenizer, PromptEncoder> encoders,
            List<TokenizedPrompt> prompts) {
        if (!Files.exists(adapter.resolve(TOKENIZER))
                || (isSame(adapter, model, TOKENIZER) && isSame(adapter, model, SETTINGS))) {
            return;
        }
        try (PromptTokenizer own = tokenizers.apply(adapter)) {
            PromptEncoder encoder = encoders.apply(own);
            for (TokenizedPrompt prompt : prompts) {
                TokenizedPrompt other = encoder.encode(prompt.question());
                if (!Arrays.equals(other.ids(), prompt.ids())
                        || !Arrays.equals(other.labelTokens(), prompt.labelTokens())) {
                    throw differ(adapter, model, prompt.question().id());
                }
            }
        }
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
