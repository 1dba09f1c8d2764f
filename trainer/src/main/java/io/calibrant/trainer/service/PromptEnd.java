package io.calibrant.trainer.service;

import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import java.util.Optional;

/** Says how the prompts of a form of one's own end and begin: most mistakes in a template are there. */
final class PromptEnd {
    private static final int CHARACTERS = 30;

    private PromptEnd() {}

    /**
     * One line about a prompt; nothing about one of the paper's.
     *
     * @param first of the run
     */
    static Optional<String> note(PromptForm form, TokenizedPrompt first) {
        if (form.isPaper() && first.question().prompt() == null) {
            return Optional.empty();
        }
        String text = first.text();
        String end = text.substring(Math.max(0, text.length() - CHARACTERS))
                .replace("\n", "\\n")
                .replace("\r", "\\r")
                .replace("\t", "\\t");
        String label = first.separator().replace("\n", "\\n")
                + first.question().choices().get(0).label();
        return Optional.of("note: the first prompt ends with '" + end + "', its label follows as '" + label
                + "' (--label-separator)"
                + (first.addsSpecialTokens() ? "" : "; the tokenizer adds no special tokens (--special-tokens)"));
    }
}
