package io.calibrant.fitter.service;

import io.calibrant.fitter.topology.UnusableEntryException;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.Map;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.ProcessingExceptionHandler;
import org.apache.kafka.streams.processor.api.Record;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The boundary between a record and the service: whatever a record causes in a processor is that record's dead letter,
 * whether a check refused it ({@link BadRecordException}) or something behind the checks failed. What Kafka, the
 * registry or the settings cause stops the service instead: see {@link #isOfTheRecord}. Public because Kafka
 * instantiates it by name.
 */
public final class DeadLetterUnusable implements ProcessingExceptionHandler {
    private static final Logger LOG = LoggerFactory.getLogger(DeadLetterUnusable.class);

    private DeadLetterLog deadLetters;

    /** For Kafka, which calls {@link #configure} next. */
    public DeadLetterUnusable() {}

    @Override
    public void configure(Map<String, ?> configs) {
        deadLetters = new DeadLetterLog(configs);
    }

    @Override
    public Response handleError(ErrorHandlerContext context, Record<?, ?> record, Exception e) {
        if (e instanceof UnusableEntryException entry) {
            return Response.resume(deadLetters.letter(context, entry.key(), entry.value(), DeadLetterReason.FAILED, e));
        }
        if (!isOfTheRecord(e)) {
            return Response.fail();
        }
        if (record == null) {
            // A punctuator has no record to blame, and says by an UnusableEntryException which entry it cannot use.
            return Response.fail();
        }
        Exception reason = e;
        DeadLetterReason kind = DeadLetterReason.INVALID;
        if (!(e instanceof BadRecordException)) {
            // No check expected this: the trace helps to write one.
            LOG.info("a record was refused by an exception that no check expects", e);
            kind = DeadLetterReason.FAILED;
            reason = new BadRecordException("the record cannot be processed: " + Fitter.firstReason(e), e);
        }
        return Response.resume(
                deadLetters.letter(context, context.sourceRawKey(), context.sourceRawValue(), kind, reason));
    }

    /**
     * Whether a failure says something of the record. It does not where any of its causes is an exception of Kafka
     * other than a refusal (a store that cannot be read, a broker or a registry that does not answer, an interruption),
     * or a setting that is not accepted.
     */
    private static boolean isOfTheRecord(Exception e) {
        for (Throwable each = e; each != null; each = each.getCause()) {
            if (each instanceof BadRecordException) {
                return true;
            }
            if (each instanceof KafkaException || each instanceof ConfigurationException || each instanceof Error) {
                return false;
            }
        }
        return true;
    }
}
