package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.ProcessingExceptionHandler.Response;
import org.apache.kafka.streams.errors.ProcessorStateException;
import org.apache.kafka.streams.errors.internals.DefaultErrorHandlerContext;
import org.apache.kafka.streams.processor.TaskId;
import org.apache.kafka.streams.processor.api.Record;
import org.junit.jupiter.api.Test;

class DeadLetterUnusableTest {
    private static final byte[] KEY = {1};
    private static final byte[] VALUE = new byte[50_000];

    @Test
    void shouldMakeADeadLetterOfWhateverARecordCauses() {
        for (Exception cause : List.of(
                new BadRecordException("n is 0.0"),
                new IllegalArgumentException("interval does not bracket a root"),
                new ArrayIndexOutOfBoundsException("Index 0 out of bounds for length 0"),
                new ArithmeticException("/ by zero"),
                new IllegalStateException("covariance is not positive semi-definite"))) {
            Response response = handler(1_000_000).handleError(context(), record(), cause);
            assertThat(response.result().name()).isEqualTo("RESUME");
            ProducerRecord<byte[], byte[]> letter =
                    response.deadLetterQueueRecords().get(0);
            assertThat(letter.topic()).isEqualTo("letters");
            assertThat(letter.key()).isEqualTo(KEY);
            assertThat(letter.value()).isEqualTo(VALUE);
            assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.MESSAGE, ""))
                    .endsWith(cause.getMessage());
        }
    }

    @Test
    void shouldStopWhereTheRecordIsNotToBlame() {
        for (Exception cause : List.of(
                new ProcessorStateException("the store cannot be read"),
                new RegistryUnavailableException("the registry does not answer"),
                new SerializationException("topic t: written by another version of the fitter"),
                new ConfigurationException("--rank", 9, "1 to 4"),
                new IllegalStateException("at the broker", new org.apache.kafka.common.errors.TimeoutException("x")))) {
            Response response = handler(1_000_000).handleError(context(), record(), cause);
            assertThat(response.result().name()).as(cause.toString()).isEqualTo("FAIL");
            assertThat(response.deadLetterQueueRecords()).isEmpty();
        }
    }

    @Test
    void shouldKeepTheHeadOfWhatTheTopicDoesNotTake() {
        Response response =
                handler(20_000).handleError(context(), record(), new IllegalArgumentException("x".repeat(100_000)));
        ProducerRecord<byte[], byte[]> letter =
                response.deadLetterQueueRecords().get(0);
        assertThat(letter.value().length).isLessThan(20_000).isPositive();
        assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.VALUE_BYTES, ""))
                .isEqualTo("50000");
    }

    private static DeadLetterUnusable handler(int limit) {
        DeadLetterUnusable handler = new DeadLetterUnusable();
        handler.configure(Map.of(
                StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG,
                "letters",
                DeadLetterLog.LIMIT_CONFIG,
                limit));
        return handler;
    }

    private static Record<String, String> record() {
        return new Record<>("k", "v", 5);
    }

    /** A dead letter that is sent again has the header of the first time; the undecodable keep it until here. */
    @Test
    void shouldNameWhereARecordLiesAndNotWhereItLayTheFirstTime() {
        for (String topic : List.of("labels", "calibrant-fitter-labels-by-question-repartition")) {
            RecordHeaders headers = new RecordHeaders();
            headers.add("__calibrant.source", "1 3 before".getBytes(StandardCharsets.UTF_8));
            ProducerRecord<byte[], byte[]> letter = handler(1_000_000)
                    .handleError(context(topic, headers), record(), new BadRecordException("no"))
                    .deadLetterQueueRecords()
                    .get(0);
            assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.TOPIC, ""))
                    .isEqualTo(topic.equals("labels") ? "labels" : "before");
        }
    }

    private static ErrorHandlerContext context() {
        return context("labels", new RecordHeaders());
    }

    private static ErrorHandlerContext context(String topic, RecordHeaders headers) {
        return new DefaultErrorHandlerContext(null, topic, 2, 17, headers, "tune", new TaskId(0, 2), 5, KEY, VALUE);
    }
}
