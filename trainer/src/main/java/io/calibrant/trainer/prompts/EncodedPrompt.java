package io.calibrant.trainer.prompts;

/**
 * A question as the model reads it; see {@link ClassTokens#place}.
 *
 * @param question what was asked
 * @param ids token ids of the prompt, special tokens included: [T]; not to be modified
 * @param classes the choices' places among the run's class tokens: [C]; not to be modified
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody; a copy per access would cost one per batch
public record EncodedPrompt(Question question, long[] ids, int[] classes) {
    /** T, the number of tokens. */
    public int length() {
        return ids.length;
    }
}
