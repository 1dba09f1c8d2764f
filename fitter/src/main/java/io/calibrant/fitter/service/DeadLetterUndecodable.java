package io.calibrant.fitter.service;

import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.errors.DeserializationExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;

/**
 * Undecodable bytes go to the dead-letter topic, as they came and with Kafka's own error headers. What a later attempt
 * may decode (the registry does not answer) stops the service instead: a good record is never dead-lettered. Public
 * because Kafka instantiates it by name.
 */
public final class DeadLetterUndecodable implements DeserializationExceptionHandler {
    private DeadLetterLog deadLetters;

    /** For Kafka, which calls {@link #configure} next. */
    public DeadLetterUndecodable() {}

    @Override
    public void configure(Map<String, ?> configs) {
        deadLetters = new DeadLetterLog(configs);
    }

    @Override
    public Response handleError(ErrorHandlerContext context, ConsumerRecord<byte[], byte[]> record, Exception e) {
        if (RegistryUnavailableException.isTransient(e)) {
            return Response.fail();
        }
        return Response.resume(
                deadLetters.letter(context, record.key(), record.value(), DeadLetterReason.UNREADABLE, e));
    }
}
