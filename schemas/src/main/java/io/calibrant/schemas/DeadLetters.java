package io.calibrant.schemas;

import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.text.Printable;
import io.calibrant.schemas.text.Secrets;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/**
 * Makes the dead letters of one topic. Where the topic can take it, a letter has key, value and headers as received,
 * and the reason in further headers, as Kafka Streams writes them (KIP-1034). A record that does not fit is kept as the
 * head of its value, with size and SHA-256 of the whole in headers: it never stops the service that refuses it. A value
 * that would bring down whoever decodes it is kept as Base64 text.
 *
 * <p>A letter has the time at which it is written, and the record's own in {@link DeadLetterHeaders#TIMESTAMP}: a
 * record may be refused for its timestamp, and no topic takes every timestamp.
 */
public final class DeadLetters {
    /** What a topic takes that says nothing else: Kafka's default of {@code max.message.bytes}. */
    public static final int USUAL_LIMIT = 1_048_588;

    private static final int HEAD = 64 << 10;
    private static final int KEY_HEAD = 1 << 10;
    private static final int MOST_MESSAGE = 4 << 10;
    private static final int MOST_TRACE = 16 << 10;

    /** More than Kafka's own frame takes: of a batch 61 bytes, of a record and each of its headers 21 at most. */
    private static final int FRAME = 256;

    private static final int HEADER_FRAME = 21;

    private final String topic;
    private final int limit;

    /**
     * Letters to a topic.
     *
     * @param limit bytes that the topic and the producer take of one record
     */
    public DeadLetters(String topic, int limit) {
        this.topic = topic;
        this.limit = limit;
    }

    /**
     * The letter of a record.
     *
     * @param record as received; its bytes are passed on where they fit, and not copied
     * @param reason why it is refused; its message is for people
     */
    public ProducerRecord<byte[], byte[]> of(ConsumerRecord<byte[], byte[]> record, Throwable reason) {
        boolean encoded = record.value() != null && isDangerous(reason);
        byte[] whole = encoded ? Base64.getEncoder().encode(record.value()) : record.value();
        Headers headers = new RecordHeaders(record.headers().toArray());
        explain(headers, record, reason, encoded);
        if (size(record.key(), whole, headers) <= limit) {
            return new ProducerRecord<>(topic, null, null, record.key(), whole, headers);
        }
        headers = new RecordHeaders(); // those received may be what does not fit
        explain(headers, record, reason, encoded);
        byte[] key = head(headers, "key", record.key(), Math.min(KEY_HEAD, limit / 8));
        byte[] value = head(headers, "value", whole, Math.min(HEAD, limit / 4));
        return new ProducerRecord<>(topic, null, null, key, value, headers);
    }

    /** Whether a reader of the dead letters that decodes the value as it came would not survive it. */
    private static boolean isDangerous(Throwable reason) {
        for (Throwable each = reason; each != null; each = each.getCause()) {
            if (each instanceof BadRecordException bad && bad.isDangerous()) {
                return true;
            }
        }
        return false;
    }

    private void explain(Headers headers, ConsumerRecord<byte[], byte[]> record, Throwable reason, boolean encoded) {
        if (encoded) {
            DeadLetterHeaders.add(headers, DeadLetterHeaders.VALUE_ENCODING, "base64");
        }
        StringWriter trace = new StringWriter();
        reason.printStackTrace(new PrintWriter(trace));
        DeadLetterHeaders.add(
                headers, DeadLetterHeaders.EXCEPTION, reason.getClass().getName());
        DeadLetterHeaders.add(
                headers,
                DeadLetterHeaders.MESSAGE,
                Printable.message(String.valueOf(reason.getMessage()), length(MOST_MESSAGE)));
        String lines = trace.toString();
        int most = length(MOST_TRACE);
        DeadLetterHeaders.add(
                headers,
                DeadLetterHeaders.STACK_TRACE,
                Printable.lines(Secrets.inText(lines.substring(0, Math.min(lines.length(), 4 * most))), most));
        DeadLetterHeaders.add(headers, DeadLetterHeaders.TOPIC, record.topic());
        DeadLetterHeaders.add(headers, DeadLetterHeaders.PARTITION, Integer.toString(record.partition()));
        DeadLetterHeaders.add(headers, DeadLetterHeaders.OFFSET, Long.toString(record.offset()));
        DeadLetterHeaders.add(headers, DeadLetterHeaders.TIMESTAMP, Long.toString(record.timestamp()));
    }

    /** No more than so many characters, and no more than an eighth of what fits: each takes three bytes at most. */
    private int length(int most) {
        return Math.min(most, limit / 8 / 3);
    }

    private static byte[] head(Headers headers, String what, byte[] bytes, int most) {
        if (bytes == null || bytes.length <= most) {
            return bytes;
        }
        DeadLetterHeaders.add(
                headers,
                what.equals("key") ? DeadLetterHeaders.KEY_BYTES : DeadLetterHeaders.VALUE_BYTES,
                Integer.toString(bytes.length));
        DeadLetterHeaders.add(
                headers,
                what.equals("key") ? DeadLetterHeaders.KEY_SHA256 : DeadLetterHeaders.VALUE_SHA256,
                sha256(bytes));
        return Arrays.copyOf(bytes, most);
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** What the producer and the broker compare with their limits, or a little more. */
    private static long size(byte[] key, byte[] value, Headers headers) {
        long size = FRAME + (key == null ? 0L : key.length) + (value == null ? 0L : value.length);
        for (Header header : headers) {
            size += HEADER_FRAME
                    + header.key().getBytes(StandardCharsets.UTF_8).length
                    + (header.value() == null ? 0L : header.value().length);
        }
        return size;
    }
}
