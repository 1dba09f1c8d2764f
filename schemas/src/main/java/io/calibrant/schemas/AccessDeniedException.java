package io.calibrant.schemas;

import org.apache.kafka.common.KafkaException;

/**
 * An operation on a resource of the cluster that no ACL allows. Thrown where it is known which one was tried; what
 * Kafka's own exceptions leave open is found by {@link AccessFailure}.
 */
public final class AccessDeniedException extends KafkaException {
    private static final long serialVersionUID = 1L;

    private final String operation;
    private final String kind;
    private final String name;

    /**
     * One operation.
     *
     * @param operation in Kafka's words, for example {@code WRITE}
     * @param kind of the resource, for example {@code topic}
     * @param name of the resource
     */
    public AccessDeniedException(String operation, String kind, String name, Throwable cause) {
        super(operation + " on " + kind + " " + name + " is not allowed", cause);
        this.operation = operation;
        this.kind = kind;
        this.name = name;
    }

    /** What was tried, in Kafka's words. */
    public String operation() {
        return operation;
    }

    /** The kind of the resource: topic, group, transactional id or cluster. */
    public String kind() {
        return kind;
    }

    /** The resource. */
    public String name() {
        return name;
    }
}
