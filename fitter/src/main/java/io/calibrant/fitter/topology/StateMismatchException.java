package io.calibrant.fitter.topology;

import org.apache.kafka.common.KafkaException;

/**
 * The state of a fit and the topics it was made from do not belong together. It is no record's fault, so nothing is
 * dead-lettered: the fitter ends, and says what to do.
 */
public final class StateMismatchException extends KafkaException {
    private static final long serialVersionUID = 1L;

    /** @param message one line: the topic, and what to do */
    public StateMismatchException(String message) {
        super(message);
    }
}
