package io.calibrant.scorer.service;

import java.util.IdentityHashMap;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Records are larger than their topics take; nothing of the transaction is committed. */
final class OversizedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient IdentityHashMap<ProducerRecord<byte[], byte[]>, String> reasons;

    /** @param reasons a line for each of the records that are too large, compared by identity; at least one */
    OversizedException(IdentityHashMap<ProducerRecord<byte[], byte[]>, String> reasons, Throwable cause) {
        super(reasons.values().iterator().next(), cause);
        this.reasons = reasons;
    }

    /** Why each of the very objects that were to be delivered is not taken. */
    IdentityHashMap<ProducerRecord<byte[], byte[]>, String> reasons() {
        return reasons;
    }
}
