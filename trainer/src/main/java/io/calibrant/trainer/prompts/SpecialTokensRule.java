package io.calibrant.trainer.prompts;

/** Whether the tokenizer puts its special tokens, for example BOS, before a prompt. */
public enum SpecialTokensRule {
    /** Unless the prompt begins with them itself. */
    AUTO,
    /** Also where the prompt begins with them itself. */
    ALWAYS,
    /** Only what the prompt's text says is read. */
    NEVER
}
