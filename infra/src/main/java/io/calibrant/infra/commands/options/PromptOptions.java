package io.calibrant.infra.commands.options;

import io.calibrant.trainer.prompts.LabelTokens;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.SpecialTokensRule;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How questions are asked. */
public final class PromptOptions {
    @Option(
            names = "--prompt",
            paramLabel = "paper|FILE",
            defaultValue = "paper",
            description = "The prompt that the adapter was or is to be trained with, to the last space: the paper's, or"
                    + " a Mustache template with {{{question}}}, {{{context}}},"
                    + " {{#choices}}{{{label}}}. {{{text}}}{{/choices}}."
                    + " Default: ${DEFAULT-VALUE}.")
    private String prompt;

    @Option(
            names = "--label-separator",
            paramLabel = "TEXT",
            description = "What stands between a prompt and its label. Default: nothing after a new line or a special"
                    + " token, else a space; the paper's form has its space.")
    private String labelSeparator;

    @Option(
            names = "--special-tokens",
            paramLabel = "WHEN",
            defaultValue = "AUTO",
            description = "When the tokenizer puts its special tokens before a prompt: ${COMPLETION-CANDIDATES}; AUTO:"
                    + " unless the prompt begins with them. Default: ${DEFAULT-VALUE}.")
    private SpecialTokensRule specialTokens;

    @Option(
            names = "--label-tokens",
            paramLabel = "WHICH",
            defaultValue = "ONE",
            description = "${COMPLETION-CANDIDATES}: a label is one token, or the first of several stands for it."
                    + " Default: ${DEFAULT-VALUE}.")
    private LabelTokens labelTokens;

    /**
     * The form that the options describe.
     *
     * @throws IllegalArgumentException in one line, if the file is missing or is no template of prompts
     */
    public PromptForm form() {
        return PromptForm.read(prompt)
                .withLabelSeparator(Optional.ofNullable(labelSeparator))
                .withSpecialTokens(specialTokens)
                .withLabelTokens(labelTokens);
    }
}
