package io.calibrant.schemas.registry;

import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import org.apache.kafka.common.errors.RetriableException;

/**
 * The registry did not answer, or answered with something that says nothing about the record: wrong address, no
 * permission, overload. The record may be perfectly good: whoever catches this stops or tries again, and never
 * dead-letters.
 */
public final class RegistryUnavailableException extends RetriableException {
    private static final long serialVersionUID = 1L;

    /** @param message one line for people */
    public RegistryUnavailableException(String message) {
        super(message);
    }

    /**
     * With a cause.
     *
     * @param message one line for people
     */
    public RegistryUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * Whether a failed deserialization may succeed later. Looks through the causes, so it also understands what
     * Confluent's classes throw: inside a SerializationException a {@link RetriableException}, an {@link IOException}
     * of the network, or a RestClientException with the registry's status.
     */
    public static boolean isTransient(Throwable failure) {
        for (Throwable t = failure; t != null; t = t.getCause()) {
            if (t instanceof BadRecordException || t instanceof IncompatibleSchemaException) {
                return false;
            }
            if (t instanceof RetriableException || isOfTheNetwork(t) || isOverloadOrRefusal(t)) {
                return true;
            }
        }
        return false;
    }

    /** Avro reports some damage of a value as an IOException, too. */
    private static boolean isOfTheNetwork(Throwable t) {
        return t instanceof IOException
                && !(t instanceof EOFException)
                && !(t instanceof CharacterCodingException)
                && !t.getClass().getName().startsWith("org.apache.avro.");
    }

    /** Confluent's RestClientException, by its name: nothing here depends on its class. */
    private static boolean isOverloadOrRefusal(Throwable t) {
        if (!t.getClass().getSimpleName().equals("RestClientException")) {
            return false;
        }
        try {
            int status = (int) t.getClass().getMethod("getStatus").invoke(t);
            return status >= 500 || status == 401 || status == 403 || status == 408 || status == 429;
        } catch (ReflectiveOperationException | ClassCastException e) {
            return false;
        }
    }
}
