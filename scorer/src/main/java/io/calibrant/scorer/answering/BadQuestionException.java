package io.calibrant.scorer.answering;

/** A question that can never be answered; the message is the reason in its dead letter. */
public final class BadQuestionException extends Exception {
    private static final long serialVersionUID = 1L;

    /** @param cause what found it */
    public BadQuestionException(String message, Throwable cause) {
        super(message, cause);
    }

    /** @param message what is wrong and what is accepted */
    public BadQuestionException(String message) {
        super(message);
    }
}
