package io.calibrant.trainer.prompts;

/** How a label is made a class, where all that the labels of a question begin with has joined the prompt. */
public enum LabelTokens {
    /** A label is one token; one of several is refused. */
    ONE,
    /** The first token of a label stands for it, where those of a question's labels differ. */
    FIRST
}
