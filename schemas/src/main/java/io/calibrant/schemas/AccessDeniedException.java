package io.calibrant.schemas;

import java.util.List;
import java.util.stream.Collectors;
import org.apache.kafka.common.KafkaException;

/**
 * Rights that no ACL gives. Thrown where it is known which ones they are; what Kafka's own exceptions leave open is
 * found by {@link AccessFailure}.
 */
public final class AccessDeniedException extends KafkaException {
    private static final long serialVersionUID = 1L;

    private final transient List<AccessRight> missing;

    /** @param missing at least one right */
    public AccessDeniedException(List<AccessRight> missing, Throwable cause) {
        super(missing.stream().map(AccessRight::words).collect(Collectors.joining(", ")) + " not allowed", cause);
        this.missing = List.copyOf(missing);
    }

    /**
     * One right.
     *
     * @param operation in Kafka's words, for example {@code WRITE}
     * @param kind of the resource, for example {@code topic}
     * @param name of the resource
     */
    public AccessDeniedException(String operation, String kind, String name, Throwable cause) {
        this(List.of(new AccessRight(operation, kind, name)), cause);
    }

    /** The rights that are missing. */
    public List<AccessRight> missing() {
        return missing;
    }
}
