package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.AbstractRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeadLettersTest {
    @Test
    void shouldPassOnWhatFitsAsItCame() {
        ConsumerRecord<byte[], byte[]> record = record(new byte[] {1}, new byte[3000], new byte[] {7});
        ProducerRecord<byte[], byte[]> letter =
                new DeadLetters("letters", 100_000).of(record, new IllegalArgumentException("why"));
        assertThat(letter.topic()).isEqualTo("letters");
        assertThat(letter.key()).isSameAs(record.key());
        assertThat(letter.value()).isSameAs(record.value());
        assertThat(letter.timestamp()).isNull();
        assertThat(letter.headers().lastHeader("own").value()).containsExactly(7);
        assertThat(text(letter, DeadLetterHeaders.MESSAGE)).isEqualTo("why");
        assertThat(text(letter, DeadLetterHeaders.TOPIC)).isEqualTo("labels");
        assertThat(text(letter, DeadLetterHeaders.PARTITION)).isEqualTo("2");
        assertThat(text(letter, DeadLetterHeaders.OFFSET)).isEqualTo("17");
        assertThat(text(letter, DeadLetterHeaders.TIMESTAMP)).isEqualTo("-5");
        assertThat(letter.headers().lastHeader(DeadLetterHeaders.VALUE_BYTES)).isNull();
        assertThat(record.headers().toArray()).hasSize(1);
    }

    @Test
    void shouldKeepTheHeadTheSizeAndTheDigestOfWhatDoesNotFit() {
        byte[] value = new byte[2_000_000];
        Arrays.fill(value, (byte) 'a');
        byte[] key = new byte[600_000];
        ProducerRecord<byte[], byte[]> letter =
                new DeadLetters("letters", 1_000_000).of(record(key, value, new byte[0]), reason());
        assertThat(letter.value()).hasSize(64 << 10).containsOnly('a');
        assertThat(letter.key()).hasSize(1 << 10);
        assertThat(text(letter, DeadLetterHeaders.VALUE_BYTES)).isEqualTo("2000000");
        assertThat(text(letter, DeadLetterHeaders.KEY_BYTES)).isEqualTo("600000");
        // sha256sum of two million letters a
        assertThat(text(letter, DeadLetterHeaders.VALUE_SHA256))
                .isEqualTo("bcf7f9d1b4311c3352e60502255ce09a6744df84e8f2c89f79c4b5d74933a95a");
    }

    @ParameterizedTest
    @ValueSource(ints = {3_000, 20_000, 1_000_000})
    void shouldMakeNoLetterThatTheProducerWouldRefuse(int limit) {
        for (int size : new int[] {0, limit / 2, limit - 500, limit, limit + 1, 2 * limit}) {
            for (int header : new int[] {0, limit}) {
                ProducerRecord<byte[], byte[]> letter = new DeadLetters("letters", limit)
                        .of(record(new byte[size / 3], new byte[size], new byte[header]), reason());
                int produced = AbstractRecords.estimateSizeInBytesUpperBound(
                        RecordBatch.CURRENT_MAGIC_VALUE,
                        Compression.NONE.type(),
                        letter.key(),
                        letter.value(),
                        letter.headers().toArray());
                assertThat(produced).as("%d, %d", size, header).isLessThanOrEqualTo(limit);
            }
        }
    }

    @Test
    void shouldTakeWhatHasNeitherKeyNorValue() {
        ProducerRecord<byte[], byte[]> letter =
                new DeadLetters("letters", 10_000).of(record(null, null, new byte[20_000]), reason());
        assertThat(letter.key()).isNull();
        assertThat(letter.value()).isNull();
        assertThat(letter.headers().lastHeader("own")).isNull();
    }

    private static Exception reason() {
        return new IllegalArgumentException("x".repeat(100_000));
    }

    private static ConsumerRecord<byte[], byte[]> record(byte[] key, byte[] value, byte[] header) {
        return new ConsumerRecord<>(
                "labels",
                2,
                17,
                -5,
                TimestampType.CREATE_TIME,
                0,
                0,
                key,
                value,
                new RecordHeaders().add("own", header),
                Optional.empty());
    }

    private static String text(ProducerRecord<byte[], byte[]> letter, String header) {
        return new String(letter.headers().lastHeader(header).value(), StandardCharsets.UTF_8);
    }
}
