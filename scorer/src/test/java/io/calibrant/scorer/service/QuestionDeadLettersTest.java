package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.scorer.answering.BadQuestionException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

class QuestionDeadLettersTest {
    @Test
    void shouldCarryKeyValueHeadersReasonAndOffset() {
        byte[] value = {1, 2, 3};
        ConsumerRecord<byte[], byte[]> record =
                new ConsumerRecord<>("questions", 2, 41, "q".getBytes(StandardCharsets.UTF_8), value);
        record.headers().add("mine", new byte[] {9});

        var letter = QuestionDeadLetters.of("dlq", record, new BadQuestionException("no good"));

        assertThat(letter.topic()).isEqualTo("dlq");
        assertThat(letter.key()).isEqualTo(record.key());
        assertThat(letter.value()).isEqualTo(value);
        assertThat(letter.headers().lastHeader("mine").value()).containsExactly(9);
        assertThat(header(letter, "message")).isEqualTo("no good");
        assertThat(header(letter, "exception")).contains("BadQuestionException");
        assertThat(header(letter, "stacktrace")).contains("shouldCarryKeyValueHeadersReasonAndOffset");
        assertThat(header(letter, "topic")).isEqualTo("questions");
        assertThat(header(letter, "partition")).isEqualTo("2");
        assertThat(header(letter, "offset")).isEqualTo("41");
    }

    private static String header(ProducerRecord<byte[], byte[]> letter, String name) {
        return new String(
                letter.headers().lastHeader("__streams.errors." + name).value(), StandardCharsets.UTF_8);
    }
}
