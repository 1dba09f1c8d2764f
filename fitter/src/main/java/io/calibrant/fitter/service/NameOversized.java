package io.calibrant.fitter.service;

import io.calibrant.schemas.OversizedRecord;
import io.calibrant.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.RecordTooLargeException;

/** Keeps of a record that its topic does not take what Kafka's own exception leaves out. */
final class NameOversized {
    private NameOversized() {}

    /** Travels in the failure of Kafka Streams. */
    private static final class Oversized extends RecordTooLargeException {
        private static final long serialVersionUID = 1L;

        private final transient OversizedRecord record;

        Oversized(OversizedRecord record, Exception cause) {
            super(cause.getMessage(), cause);
            this.record = record;
        }
    }

    /** The failure of a service that sent such a record; {@link #in} finds it again. */
    static RuntimeException named(ProducerRecord<byte[], byte[]> record, Exception e) {
        String key = record.key() == null ? null : new String(record.key(), StandardCharsets.UTF_8);
        long bytes = (record.key() == null ? 0L : record.key().length)
                + (record.value() == null ? 0L : record.value().length);
        return new Oversized(new OversizedRecord(record.topic(), key, bytes), e);
    }

    /** The record that was too large, where that is why the service failed. */
    static Optional<OversizedRecord> in(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof Oversized oversized) {
                return Optional.of(oversized.record);
            }
        }
        return Optional.empty();
    }

    /** What makes the records of a topic smaller. */
    static String smaller(Topics topics, String topic) {
        String raise = "raise " + TopicConfig.MAX_MESSAGE_BYTES_CONFIG + " of the topic";
        return topic.equals(topics.factors()) ? "train with a smaller --rank, or " + raise : raise;
    }
}
