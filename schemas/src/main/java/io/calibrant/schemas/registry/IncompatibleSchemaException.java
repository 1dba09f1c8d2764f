package io.calibrant.schemas.registry;

import io.calibrant.schemas.text.Printable;
import org.apache.kafka.common.errors.SerializationException;

/**
 * The registry refuses a schema: it breaks the compatibility rule of its subject, or is invalid. Retrying is futile.
 */
public final class IncompatibleSchemaException extends SerializationException {
    private static final long serialVersionUID = 1L;

    /** @param message one line for people */
    public IncompatibleSchemaException(String message) {
        super(Printable.message(message));
    }
}
