package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.OversizedRecord;
import io.calibrant.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.streams.errors.ProductionExceptionHandler;
import org.apache.kafka.streams.errors.StreamsException;
import org.junit.jupiter.api.Test;

class NameOversizedTest {
    private static final Topics TOPICS = new Topics("x.");
    private static final ProducerRecord<byte[], byte[]> RECORD =
            new ProducerRecord<>(TOPICS.factors(), "r/c/b/f".getBytes(StandardCharsets.UTF_8), new byte[20]);

    private final List<Throwable> heard = new ArrayList<>();
    private final RefusedOutputs handler = new RefusedOutputs();

    NameOversizedTest() {
        Consumer<Throwable> listener = heard::add;
        handler.configure(Map.of(RefusedOutputs.LISTENER_CONFIG, listener));
    }

    /** Kafka's words are "The request included a message larger than the max message size the server will accept". */
    @Test
    void shouldNameTopicKeySizeAndLimitOfARecordThatItsTopicDoesNotTake() {
        assertThat(handler.handleError(null, RECORD, new RecordTooLargeException("larger than the max"))
                        .result())
                .isEqualTo(ProductionExceptionHandler.Result.FAIL);
        assertThat(heard).singleElement().satisfies(failure -> {
            OversizedRecord record =
                    NameOversized.in(new StreamsException("task 0_1", failure)).orElseThrow();
            assertThat(record.message(OptionalLong.of(9), NameOversized.smaller(TOPICS, record.topic())))
                    .isEqualTo("record 'r/c/b/f' of 27 bytes is too large for topic x.factors,"
                            + " max.message.bytes 9: train with a smaller --rank, or raise max.message.bytes"
                            + " of the topic");
        });
    }

    @Test
    void shouldLeaveOtherFailuresToKafkasOwnHandler() {
        ProductionExceptionHandler.Response response =
                handler.handleError(null, RECORD, new TimeoutException("no broker"));
        assertThat(response.result()).isEqualTo(ProductionExceptionHandler.Result.RETRY);
        assertThat(NameOversized.in(new StreamsException("no broker"))).isEmpty();
    }
}
