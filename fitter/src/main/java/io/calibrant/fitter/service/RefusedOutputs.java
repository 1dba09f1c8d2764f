package io.calibrant.fitter.service;

import io.calibrant.schemas.OversizedRecord;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.streams.errors.DefaultProductionExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.ProductionExceptionHandler;

/**
 * A record that a topic does not take ends the fitter, which says which topic and why. Kafka Streams by itself may go
 * on for ever: what is sent behind the refused record fails as out of order, which it takes for a task that has moved,
 * and begins again. Public because Kafka instantiates it by name.
 */
public final class RefusedOutputs implements ProductionExceptionHandler {
    /** A key of the Streams configuration: a {@code Consumer<Throwable>} that hears of the end. */
    static final String LISTENER_CONFIG = "calibrant.refused.records.listener";

    private final ProductionExceptionHandler others = new DefaultProductionExceptionHandler();
    private Consumer<Throwable> listener = failure -> {};

    /** For Kafka, which calls {@link #configure} next. */
    public RefusedOutputs() {}

    @Override
    @SuppressWarnings("unchecked") // what this package puts there
    public void configure(Map<String, ?> configs) {
        others.configure(configs);
        if (configs.get(LISTENER_CONFIG) instanceof Consumer<?> given) {
            listener = (Consumer<Throwable>) given;
        }
    }

    @Override
    public Response handleError(
            ErrorHandlerContext context, ProducerRecord<byte[], byte[]> record, Exception exception) {
        if (isRefusal(exception)) {
            listener.accept(
                    OversizedRecord.isCauseOf(exception)
                            ? NameOversized.named(record, exception)
                            : new KafkaException(message(record, exception), exception));
            return Response.fail();
        }
        return others.handleError(context, record, exception);
    }

    @Override
    @SuppressWarnings("rawtypes") // as Kafka declares it
    public Response handleSerializationError(
            ErrorHandlerContext context,
            ProducerRecord record,
            Exception exception,
            SerializationExceptionOrigin origin) {
        return others.handleSerializationError(context, record, exception, origin);
    }

    private static boolean isRefusal(Exception exception) {
        return exception instanceof InvalidTimestampException
                || exception instanceof InvalidRecordException
                || OversizedRecord.isCauseOf(exception);
    }

    /** Which topic refuses what, in one line. */
    static String message(ProducerRecord<byte[], byte[]> record, Exception exception) {
        String key = record.key() == null ? null : new String(record.key(), StandardCharsets.UTF_8);
        if (OversizedRecord.isCauseOf(exception)) {
            return new OversizedRecord(record.topic(), key, bytes(record))
                    .message(OptionalLong.empty(), "raise it for this topic");
        }
        if (exception instanceof InvalidTimestampException) {
            return "topic " + record.topic() + " does not take the timestamp " + record.timestamp()
                    + (record.timestamp() == null ? "" : " (" + Instant.ofEpochMilli(record.timestamp()) + ")")
                    + " of record '" + key + "': raise its message.timestamp.before.max.ms and"
                    + " message.timestamp.after.max.ms, or those of the cluster";
        }
        return "topic " + record.topic() + " does not take record '" + key + "': " + exception.getMessage();
    }

    private static long bytes(ProducerRecord<byte[], byte[]> record) {
        long bytes = length(record.key()) + length(record.value());
        for (Header header : record.headers()) {
            bytes += header.key().length() + length(header.value());
        }
        return bytes;
    }

    private static long length(byte[] bytes) {
        return bytes == null ? 0 : bytes.length;
    }
}
