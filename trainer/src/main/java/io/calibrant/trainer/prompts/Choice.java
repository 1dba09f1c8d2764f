package io.calibrant.trainer.prompts;

import java.util.Objects;

/**
 * One choice of a question.
 *
 * @param label what the model has to say, for example A; neither empty nor with white space at an end
 * @param text what the label stands for; may be empty
 * @param isOfRun whether the question itself does not name it: its choices are the run's labels
 */
public record Choice(String label, String text, boolean isOfRun) {
    /** @throws IllegalArgumentException if the label is empty or begins or ends with white space */
    public Choice {
        Objects.requireNonNull(text, "text");
        if (label.isEmpty() || !label.strip().equals(label)) {
            throw Refusal.ofText("label", "a text that is not empty, without white space at its ends", label);
        }
    }

    /** A choice that the question names. */
    public Choice(String label, String text) {
        this(label, text, false);
    }
}
