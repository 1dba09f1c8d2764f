package io.calibrant.fitter.service;

import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.errors.DeserializationExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;

/**
 * Undecodable bytes go to the dead-letter topic, as they came and with Kafka's own error headers. What a later attempt
 * may decode (the registry does not answer) stops the service instead: a good record is never dead-lettered. Public
 * because Kafka instantiates it by name.
 */
public final class DeadLetterUndecodable implements DeserializationExceptionHandler {
    private final LogAndContinueExceptionHandler deadLetter = new LogAndContinueExceptionHandler();

    /** For Kafka, which calls {@link #configure} next. */
    public DeadLetterUndecodable() {}

    @Override
    public void configure(Map<String, ?> configs) {
        deadLetter.configure(configs);
    }

    @Override
    public Response handleError(ErrorHandlerContext context, ConsumerRecord<byte[], byte[]> record, Exception e) {
        if (RegistryUnavailableException.isTransient(e)) {
            return Response.fail();
        }
        DeadLetterLog.log(context, e);
        return deadLetter.handleError(context, record, e);
    }
}
