package io.calibrant.schemas.registry;

import io.calibrant.schemas.text.Printable;
import org.apache.kafka.common.errors.SerializationException;

/**
 * A value that no retry will make readable: wrong magic byte, unknown schema id, truncated, trailing bytes, bad UTF-8.
 */
public final class BadRecordException extends SerializationException {
    private static final long serialVersionUID = 1L;

    /** @param message one line for people */
    public BadRecordException(String message) {
        super(Printable.message(message));
    }

    /**
     * With a cause.
     *
     * @param message one line for people
     */
    public BadRecordException(String message, Throwable cause) {
        super(Printable.message(message), cause);
    }
}
