package io.calibrant.infra.live;

import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.reading.TopicRecord;
import io.calibrant.schemas.text.Printable;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * A record that a service could not use.
 *
 * @param topic the dead-letter topic
 * @param time when it was refused, milliseconds
 * @param key the key it came with; empty for none
 * @param origin the topic it came on; empty where nobody said
 * @param reason why it was refused
 */
public record DeadLetter(
        String topic, int partition, long offset, long time, String key, String origin, String reason) {
    /** What its key and headers say, credentials masked. */
    public static DeadLetter of(ConsumerRecord<byte[], byte[]> record) {
        return new DeadLetter(
                record.topic(),
                record.partition(),
                record.offset(),
                record.timestamp(),
                record.key() == null ? "" : Printable.message(TopicRecord.key(record), Printable.NAME),
                Printable.message(
                        DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.TOPIC, ""), Printable.NAME),
                Printable.message(DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.MESSAGE, "")));
    }
}
