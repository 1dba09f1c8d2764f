package io.calibrant.fitter.service;

import io.calibrant.fitter.topology.FitterListener;
import io.calibrant.fitter.topology.SourcePosition;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.DeadLetters;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the dead letter of a record that a handler of Kafka Streams was given, and logs it. */
final class DeadLetterLog {
    /** A key of the Streams configuration: what the dead-letter topic takes of one record, bytes. */
    static final String LIMIT_CONFIG = "calibrant.dead.letter.bytes";

    /** A key of the Streams configuration: the {@link FitterListener} that hears of dead letters. */
    static final String LISTENER_CONFIG = "calibrant.dead.letter.listener";

    /** How Kafka Streams lets the names of its repartition topics end. */
    private static final String REPARTITION = "-repartition";

    private static final Logger LOG = LoggerFactory.getLogger(DeadLetterLog.class);

    private final DeadLetters letters;
    private final FitterListener listener;

    /** @param configs of Kafka Streams, as its handlers get them */
    DeadLetterLog(Map<String, ?> configs) {
        listener = configs.get(LISTENER_CONFIG) instanceof FitterListener given ? given : posterior -> {};
        Object limit = configs.get(LIMIT_CONFIG);
        letters = new DeadLetters(
                String.valueOf(configs.get(StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG)),
                limit == null ? DeadLetters.USUAL_LIMIT : Integer.parseInt(limit.toString()));
    }

    /** The letter of the record that was being processed; its bytes as they came, or those of an entry of a store. */
    List<ProducerRecord<byte[], byte[]>> letter(
            ErrorHandlerContext context, byte[] key, byte[] value, DeadLetterReason kind, Exception reason) {
        Headers headers = context.headers() == null ? new RecordHeaders() : context.headers();
        // An input's record has one of its own only where somebody sends a dead letter again.
        boolean isMoved = context.topic() == null || context.topic().endsWith(REPARTITION);
        SourcePosition from = SourcePosition.in(isMoved ? headers : null)
                .orElseGet(() -> new SourcePosition(
                        context.topic() == null ? "" : context.topic(), context.partition(), context.offset()));
        LOG.warn(
                "dead letter: {}-{} offset {}: {}", from.topic(), from.partition(), from.offset(), reason.getMessage());
        listener.deadLetter(from.topic(), kind);
        return List.of(letters.of(
                new ConsumerRecord<>(
                        from.topic(),
                        from.partition(),
                        from.offset(),
                        context.timestamp(),
                        TimestampType.CREATE_TIME,
                        ConsumerRecord.NULL_SIZE,
                        ConsumerRecord.NULL_SIZE,
                        key,
                        value,
                        headers,
                        Optional.empty()),
                reason));
    }
}
