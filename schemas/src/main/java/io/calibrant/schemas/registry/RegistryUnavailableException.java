package io.calibrant.schemas.registry;

import io.calibrant.schemas.text.Printable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.SerializationException;

/**
 * The registry did not answer, or answered with something that says nothing about the record: wrong address, no
 * permission, overload. The record may be perfectly good: whoever catches this stops or tries again, and never
 * dead-letters.
 */
public final class RegistryUnavailableException extends RetriableException {
    private static final long serialVersionUID = 1L;

    /** @param message one line for people */
    public RegistryUnavailableException(String message) {
        super(Printable.message(message));
    }

    /**
     * With a cause.
     *
     * @param message one line for people
     */
    public RegistryUnavailableException(String message, Throwable cause) {
        super(Printable.message(message), cause);
    }

    /**
     * Whether an attempt may succeed later. Looks through the causes, so it also understands what Confluent's classes
     * throw: inside a SerializationException a {@link RetriableException}, an {@link IOException} of the network, or a
     * RestClientException that is no verdict on a schema.
     */
    public static boolean isTransient(Throwable failure) {
        for (Throwable t = failure; t != null; t = t.getCause() == t ? null : t.getCause()) {
            if (t instanceof BadRecordException
                    || t instanceof IncompatibleSchemaException
                    || t instanceof AuthenticationException) {
                return false; // a login or a certificate that the broker refuses stays refused, though it may be I/O
            }
            int[] reply = registryReply(t);
            if (reply != null) {
                return !isVerdict(reply);
            }
            if (t instanceof RetriableException || isOfTheNetwork(t)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether a failed deserialization was the registry's or its client's and not the record's. Only an unknown id is
     * the registry's word on a record; Confluent's classes throw other exceptions of Kafka than SerializationException
     * where access is denied.
     */
    public static boolean saysNothingOfTheRecord(Throwable failure) {
        for (Throwable t = failure; t != null; t = t.getCause() == t ? null : t.getCause()) {
            int[] reply = registryReply(t);
            if (reply != null) {
                return !isUnknownId(reply);
            }
        }
        return isTransient(failure)
                || (failure instanceof KafkaException && !(failure instanceof SerializationException));
    }

    /** Avro reports some damage of a value as an IOException, too: of this class or not, it comes from its decoders. */
    private static boolean isOfTheNetwork(Throwable t) {
        if (!(t instanceof IOException) || t instanceof EOFException || t instanceof CharacterCodingException) {
            return false;
        }
        StackTraceElement[] trace = t.getStackTrace();
        return !isOfAvro(t.getClass().getName()) && (trace.length == 0 || !isOfAvro(trace[0].getClassName()));
    }

    private static boolean isOfAvro(String type) {
        return type.startsWith("org.apache.avro.");
    }

    private static boolean isUnknownId(int[] reply) {
        return reply[0] == 404 && (reply[1] == 40403 || reply[1] == 40401);
    }

    private static boolean isVerdict(int[] reply) {
        return reply[0] == 409 || reply[0] == 422 || isUnknownId(reply);
    }

    /**
     * Status and error code of Confluent's RestClientException, known by its name: nothing here depends on its class.
     * Null for any other.
     */
    private static int[] registryReply(Throwable t) {
        if (!t.getClass().getSimpleName().equals("RestClientException")) {
            return null;
        }
        try {
            return new int[] {
                (int) t.getClass().getMethod("getStatus").invoke(t),
                (int) t.getClass().getMethod("getErrorCode").invoke(t)
            };
        } catch (ReflectiveOperationException | ClassCastException e) {
            return new int[] {0, 0}; // no verdict that could be understood
        }
    }
}
