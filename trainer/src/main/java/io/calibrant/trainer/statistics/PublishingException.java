package io.calibrant.trainer.statistics;

/** Something could not be published. The message is one line, fit to print to a user. */
public final class PublishingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PublishingException(String message, Throwable cause) {
        super(message, cause);
    }
}
