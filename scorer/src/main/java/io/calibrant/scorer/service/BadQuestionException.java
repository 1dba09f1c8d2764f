package io.calibrant.scorer.service;

/** A question that cannot be answered, whoever asks it again; the message is the reason in its dead letter. */
final class BadQuestionException extends Exception {
    private static final long serialVersionUID = 1L;

    BadQuestionException(String message, Throwable cause) {
        super(message, cause);
    }

    BadQuestionException(String message) {
        super(message);
    }
}
