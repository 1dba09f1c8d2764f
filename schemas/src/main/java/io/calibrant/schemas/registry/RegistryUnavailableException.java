package io.calibrant.schemas.registry;

import java.io.EOFException;
import java.io.IOException;
import org.apache.kafka.common.errors.RetriableException;

/**
 * The registry did not answer, or answered with something that says nothing about the record: wrong address, no
 * permission, overload. The record may be perfectly good: whoever catches this stops or tries again, and never
 * dead-letters.
 */
public final class RegistryUnavailableException extends RetriableException {
    private static final long serialVersionUID = 1L;

    public RegistryUnavailableException(String message) {
        super(message);
    }

    public RegistryUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * Whether a failed deserialization may succeed later. Looks through the causes, so it also understands what
     * Confluent's classes throw (a {@link RetriableException} or an {@link IOException} inside a
     * SerializationException).
     */
    public static boolean isTransient(Throwable failure) {
        for (Throwable t = failure; t != null; t = t.getCause()) {
            if (t instanceof BadRecordException || t instanceof IncompatibleSchemaException) {
                return false;
            }
            if (t instanceof RetriableException || (t instanceof IOException && !(t instanceof EOFException))) {
                return true;
            }
        }
        return false;
    }
}
