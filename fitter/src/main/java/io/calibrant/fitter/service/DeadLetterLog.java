package io.calibrant.fitter.service;

import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The log line of a record that goes to the dead-letter topic. */
final class DeadLetterLog {
    private static final Logger LOG = LoggerFactory.getLogger(DeadLetterLog.class);

    private DeadLetterLog() {}

    static void log(ErrorHandlerContext context, Exception reason) {
        LOG.warn(
                "dead letter: {}-{} offset {}: {}",
                context.topic(),
                context.partition(),
                context.offset(),
                reason.getMessage());
    }
}
