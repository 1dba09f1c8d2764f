package io.calibrant.scorer.answering;

import io.calibrant.schemas.avro.Purpose;
import io.calibrant.trainer.prompts.Question;

/**
 * A question in token ids of the model, whatever class tokens a run has; {@link ClassPlaces} makes of it a prompt whose
 * choices are places among the class tokens of an adapted model.
 *
 * @param question what was asked
 * @param prompt token ids of the prompt, special tokens included: [T]; not to be modified
 * @param choices the token ids of the choices: [C]; not to be modified
 * @param purpose what the answer is for
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody; a copy per access would cost one per batch
public record TokenizedQuestion(Question question, long[] prompt, int[] choices, Purpose purpose) {
    /** T, the number of tokens of the prompt. */
    public int length() {
        return prompt.length;
    }

    /** C, the number of choices. */
    public int choiceCount() {
        return choices.length;
    }
}
