package io.calibrant.infra.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.schemas.DeadLetterHeaders;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

class LetterDetailsTest {
    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static ConsumerRecord<byte[], byte[]> letter(byte[] value) {
        ConsumerRecord<byte[], byte[]> record =
                new ConsumerRecord<>("calibrant.calibrant-scorer.dlq", 2, 17, utf8("r1/q1"), value);
        record.headers()
                .add(DeadLetterHeaders.TOPIC, utf8("calibrant.questions"))
                .add(DeadLetterHeaders.PARTITION, utf8("3"))
                .add(DeadLetterHeaders.OFFSET, utf8("41"))
                .add(DeadLetterHeaders.MESSAGE, utf8("too long"));
        return record;
    }

    @Test
    void shouldSayWhereItIsWhereItCameFromAndWhy() {
        JsonNode details = LetterDetails.of(letter(new byte[] {0, 'A', (byte) 0xe9}));
        assertThat(details.get("partition").asInt()).isEqualTo(2);
        assertThat(details.get("offset").asLong()).isEqualTo(17);
        assertThat(details.get("key").asText()).isEqualTo("r1/q1");
        assertThat(details.get("origin").asText()).isEqualTo("calibrant.questions");
        assertThat(details.get("originPartition").asText()).isEqualTo("3");
        assertThat(details.get("originOffset").asText()).isEqualTo("41");
        assertThat(details.get("reason").asText()).isEqualTo("too long");
        assertThat(details.get("headers")).hasSize(4);
        assertThat(details.get("text").asText()).isEqualTo("\\u0000A\ufffd");
        assertThat(details.get("hex").asText()).isEqualTo("00000000  00 41 e9" + "   ".repeat(13) + "  |.A.|\n");
    }

    @Test
    void shouldShowAtMostAHeadOfWhatIsLarge() {
        ConsumerRecord<byte[], byte[]> record = letter(new byte[5_000_000]);
        for (int i = 0; i < 1000; i++) {
            record.headers().add("h" + i, new byte[50_000]);
        }
        JsonNode details = LetterDetails.of(record);
        assertThat(details.get("bytes").asLong()).isEqualTo(5_000_000);
        assertThat(details.get("shown").asLong()).isEqualTo(2048);
        assertThat(details.get("headers")).hasSize(40);
        assertThat(details.get("headersLeftOut").asLong()).isEqualTo(964);
        assertThat(details.toString().length()).isLessThan(500_000);
    }

    @Test
    void shouldDecodeAValueThatTheLetterHasAsText() {
        ConsumerRecord<byte[], byte[]> record = letter(utf8(Base64.getEncoder().encodeToString(utf8("hello"))));
        record.headers().add(DeadLetterHeaders.VALUE_ENCODING, utf8("base64"));
        JsonNode details = LetterDetails.of(record);
        assertThat(details.get("text").asText()).isEqualTo("hello");
        assertThat(details.get("decoded").asBoolean()).isTrue();
        // All of it is shown, so the two lengths are equal.
        assertThat(details.get("bytes").asInt()).isEqualTo(5);
        assertThat(details.get("shown").asInt()).isEqualTo(5);
    }

    @Test
    void shouldSayHowLongADecodedValueIs() {
        for (int length : new int[] {0, 1, 2, 3, 2047, 2048, 2049, 7000, 100_001}) {
            for (Base64.Encoder encoder :
                    List.of(Base64.getEncoder(), Base64.getEncoder().withoutPadding())) {
                ConsumerRecord<byte[], byte[]> record = letter(encoder.encode(new byte[length]));
                record.headers().add(DeadLetterHeaders.VALUE_ENCODING, utf8("base64"));
                JsonNode details = LetterDetails.of(record);
                assertThat(details.get("bytes").asInt()).isEqualTo(length);
                assertThat(details.get("shown").asInt()).isEqualTo(Math.min(length, 2048));
            }
        }
        ConsumerRecord<byte[], byte[]> none = letter(utf8("no base64"));
        none.headers().add(DeadLetterHeaders.VALUE_ENCODING, utf8("base64"));
        assertThat(LetterDetails.of(none).get("bytes").asInt()).isEqualTo(9);
        assertThat(LetterDetails.of(none).has("decoded")).isFalse();
    }

    @Test
    void shouldShowNoSecretInAnyForm() {
        ConsumerRecord<byte[], byte[]> record = letter(utf8("see https://svc:hunter2@host/ for it"));
        record.headers().add("sasl.password", utf8("hunter2")).add("note", utf8("kafka://svc:hunter2@host"));
        JsonNode details = LetterDetails.of(record);
        assertThat(details.toString()).doesNotContain("hunter2").contains("https://********@host/");
        assertThat(details.get("hex").isNull()).isTrue();
    }

    @Test
    void shouldMaskAnAddressThroughWhichTheCutGoes() {
        ConsumerRecord<byte[], byte[]> record = letter(utf8("a".repeat(2030) + " http://u:secretsecret@h and more"));
        record.headers().add("note", utf8("b".repeat(7990) + " http://u:secretsecret@h"));
        ConsumerRecord<byte[], byte[]> key =
                new ConsumerRecord<>("t", 0, 0, utf8("http://u:secretsecret@h"), utf8("value"));
        for (String place : List.of(DeadLetterHeaders.TOPIC, DeadLetterHeaders.PARTITION, DeadLetterHeaders.OFFSET)) {
            record.headers().remove(place).add(place, utf8("http://u:secretsecret@h"));
        }
        assertThat(LetterDetails.of(record).toString()).doesNotContain("secr");
        assertThat(LetterDetails.of(record).get("hex").isNull()).isTrue();
        assertThat(LetterDetails.of(key).toString()).doesNotContain("secr");
    }

    @Test
    void shouldShowALetterWithoutKeyAndValue() {
        JsonNode details = LetterDetails.of(new ConsumerRecord<>("t", 0, 0, null, null));
        assertThat(details.get("key").isNull()).isTrue();
        assertThat(details.get("bytes").isNull()).isTrue();
    }
}
