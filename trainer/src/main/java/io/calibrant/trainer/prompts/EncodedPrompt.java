package io.calibrant.trainer.prompts;

import java.util.OptionalInt;
import java.util.stream.LongStream;

/**
 * A question as the model reads it.
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

    /**
     * Encodes a question.
     *
     * @param eos the model's end-of-sequence token, appended to True/False prompts as the paper's authors do; empty
     *     where the model has none
     * @throws IllegalArgumentException if a label is not a class of the run
     */
    public static EncodedPrompt of(
            Question question, PromptTokenizer tokenizer, ClassTokens classTokens, OptionalInt eos) {
        LongStream ids = LongStream.of(tokenizer.encode(Prompt.text(question)));
        if (question.isTrueFalse() && eos.isPresent()) {
            ids = LongStream.concat(ids, LongStream.of(eos.getAsInt()));
        }
        ids = LongStream.concat(ids, LongStream.of(classTokens.start(question)));
        return new EncodedPrompt(question, ids.toArray(), classTokens.indices(question));
    }
}
