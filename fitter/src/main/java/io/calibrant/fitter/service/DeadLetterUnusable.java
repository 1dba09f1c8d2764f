package io.calibrant.fitter.service;

import io.calibrant.schemas.registry.BadRecordException;
import java.util.Map;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler;
import org.apache.kafka.streams.errors.ProcessingExceptionHandler;
import org.apache.kafka.streams.processor.api.Record;

/**
 * A record that was refused ({@link BadRecordException}) goes to the dead-letter topic, as it came and with Kafka's own
 * error headers; any other exception is a fault of the fitter or its environment and stops the service. Public because
 * Kafka instantiates it by name.
 */
public final class DeadLetterUnusable implements ProcessingExceptionHandler {
    private final LogAndContinueProcessingExceptionHandler deadLetter = new LogAndContinueProcessingExceptionHandler();

    /** For Kafka, which calls {@link #configure} next. */
    public DeadLetterUnusable() {}

    @Override
    public void configure(Map<String, ?> configs) {
        deadLetter.configure(configs);
    }

    @Override
    public Response handleError(ErrorHandlerContext context, Record<?, ?> record, Exception e) {
        if (!(e instanceof BadRecordException)) {
            return Response.fail();
        }
        DeadLetterLog.log(context, e);
        return deadLetter.handleError(context, record, e);
    }
}
