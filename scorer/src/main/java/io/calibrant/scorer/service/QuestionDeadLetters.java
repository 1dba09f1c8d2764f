package io.calibrant.scorer.service;

import io.calibrant.schemas.DeadLetterHeaders;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;

/** Dead letters as Kafka Streams writes them (KIP-1034): key, value and headers as received, the reason in headers. */
final class QuestionDeadLetters {
    private QuestionDeadLetters() {}

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
        DeadLetterHeaders.add(headers, DeadLetterHeaders.EXCEPTION, reason.toString());
        DeadLetterHeaders.add(headers, DeadLetterHeaders.MESSAGE, String.valueOf(reason.getMessage()));
        StringWriter trace = new StringWriter();
        reason.printStackTrace(new PrintWriter(trace));
        DeadLetterHeaders.add(headers, DeadLetterHeaders.STACK_TRACE, trace.toString());
        DeadLetterHeaders.add(headers, DeadLetterHeaders.TOPIC, record.topic());
        DeadLetterHeaders.add(headers, DeadLetterHeaders.PARTITION, Integer.toString(record.partition()));
        DeadLetterHeaders.add(headers, DeadLetterHeaders.OFFSET, Long.toString(record.offset()));
        return letter;
    }
}
