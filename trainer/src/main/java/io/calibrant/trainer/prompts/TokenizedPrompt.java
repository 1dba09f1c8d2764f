package io.calibrant.trainer.prompts;

/**
 * A question as text and as token ids, whatever class tokens a run has; {@link ClassTokens#place} makes of it a prompt
 * whose choices are places among those of a run.
 *
 * @param question what was asked
 * @param text the prompt, rendered or verbatim
 * @param ids token ids of the prompt, with special tokens and with what all labels begin with: [T]; not to be modified
 * @param labelTokens the token that says each choice's label after these ids: [C]; not to be modified
 * @param separator what stands between the text and a label
 * @param addsSpecialTokens whether the tokenizer puts its own special tokens before the text, if it has any
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody; a copy per access would cost one per batch
public record TokenizedPrompt(
        Question question, String text, long[] ids, int[] labelTokens, String separator, boolean addsSpecialTokens) {
    /** T, the number of tokens. */
    public int length() {
        return ids.length;
    }
}
