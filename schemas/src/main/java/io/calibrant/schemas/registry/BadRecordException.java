package io.calibrant.schemas.registry;

import io.calibrant.schemas.text.Printable;
import org.apache.kafka.common.errors.SerializationException;

/**
 * A value that no retry will make readable: wrong magic byte, unknown schema id, truncated, trailing bytes, bad UTF-8.
 */
public final class BadRecordException extends SerializationException {
    private static final long serialVersionUID = 1L;

    private final boolean dangerous;

    /** @param message one line for people */
    public BadRecordException(String message) {
        super(Printable.message(message));
        dangerous = false;
    }

    /**
     * With a cause.
     *
     * @param message one line for people
     */
    public BadRecordException(String message, Throwable cause) {
        super(Printable.message(message), cause);
        dangerous = false;
    }

    private BadRecordException(String message, Throwable cause, boolean dangerous) {
        super(Printable.message(message), cause);
        this.dangerous = dangerous;
    }

    /**
     * Of a value whose few bytes claim gigabytes of items, or levels without end: a reader without limits of its own
     * does not survive it.
     *
     * @param message one line for people
     */
    static BadRecordException dangerous(String message) {
        return new BadRecordException(message, null, true);
    }

    /** The same, with where it was met before its message. */
    BadRecordException of(String place) {
        return new BadRecordException(place + ": " + getMessage(), getCause(), dangerous);
    }

    /** Whether another reader, one without limits, would run out of memory or stack on this value. */
    public boolean isDangerous() {
        return dangerous;
    }
}
