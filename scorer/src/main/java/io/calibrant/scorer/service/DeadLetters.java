package io.calibrant.scorer.service;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;

/** Dead letters as Kafka Streams writes them (KIP-1034): key, value and headers as received, the reason in headers. */
final class DeadLetters {
    private DeadLetters() {}

    /**
     * The dead letter of a record.
     *
     * @param topic where it goes
     * @param record as received; the bytes are passed on
     * @param reason why; its message is for people
     */
    static ProducerRecord<byte[], byte[]> of(String topic, ConsumerRecord<byte[], byte[]> record, Exception reason) {
        ProducerRecord<byte[], byte[]> letter =
                new ProducerRecord<>(topic, null, null, record.key(), record.value(), record.headers());
        Headers headers = letter.headers();
        add(headers, "__streams.errors.exception", reason.toString());
        add(headers, "__streams.errors.message", String.valueOf(reason.getMessage()));
        StringWriter trace = new StringWriter();
        reason.printStackTrace(new PrintWriter(trace));
        add(headers, "__streams.errors.stacktrace", trace.toString());
        add(headers, "__streams.errors.topic", record.topic());
        add(headers, "__streams.errors.partition", Integer.toString(record.partition()));
        add(headers, "__streams.errors.offset", Long.toString(record.offset()));
        return letter;
    }

    private static void add(Headers headers, String name, String value) {
        headers.add(name, value.getBytes(StandardCharsets.UTF_8));
    }
}
