package io.calibrant.scorer.serving;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.DeadLetters;
import io.calibrant.schemas.OversizedRecord;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.registry.BadRecordException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the dead letters of records that the catalogue refuses. A scorer reads its topics anew at every start, and
 * several may read them at once: a record that has a letter gets no other one, unless both find it at the same moment.
 * Not thread-safe; confined to one thread.
 */
final class UnservableRecords implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(UnservableRecords.class);
    private static final Duration LAST_PATIENCE = Duration.ofSeconds(5);

    /** Bytes of a letter that every topic takes. */
    private static final int SHORT_LETTER = 16 << 10;

    private final Connection connection;
    private final ServingListener listener;
    private final String topic;
    private final DeadLetters letters;
    private final DeadLetters shortLetters;
    private Producer<byte[], byte[]> producer;
    private Set<RecordPosition> written;

    /** Connects to nothing before there is something to write. */
    UnservableRecords(Connection connection, ServingListener listener) {
        this.connection = connection;
        this.listener = listener;
        topic = connection.topics().scorerDeadLetters();
        letters = new DeadLetters(topic, Topics.MAX_RECORD_BYTES);
        shortLetters = new DeadLetters(topic, SHORT_LETTER);
    }

    /** Writes a letter, unless there is one; what keeps it from being written is logged. */
    void add(ConsumerRecord<byte[], byte[]> record, String reason) {
        try {
            if (producer == null) {
                written = written();
                producer = new KafkaProducer<>(
                        connection.producer(), new ByteArraySerializer(), new ByteArraySerializer());
            }
            TopicPartition partition = new TopicPartition(record.topic(), record.partition());
            if (written.add(new RecordPosition(partition, record.offset()))) {
                BadRecordException why = new BadRecordException(reason);
                listener.deadLetter(record.topic(), DeadLetterReason.INVALID);
                send(letters.of(record, why), Optional.of(shortLetters.of(record, why)));
            }
        } catch (KafkaException | IllegalStateException e) {
            failed(e);
        }
    }

    /** The records that have a letter; none where that may not be read. */
    private Set<RecordPosition> written() {
        Set<RecordPosition> found = new HashSet<>();
        try {
            TopicReading.of(connection)
                    .bytes(topic, letter -> {
                        Headers headers = letter.headers();
                        String offset = DeadLetterHeaders.text(headers, DeadLetterHeaders.OFFSET, "");
                        String partition = DeadLetterHeaders.text(headers, DeadLetterHeaders.PARTITION, "");
                        if (offset.matches("\\d{1,18}") && partition.matches("\\d{1,9}")) {
                            found.add(new RecordPosition(
                                    new TopicPartition(
                                            DeadLetterHeaders.text(headers, DeadLetterHeaders.TOPIC, ""),
                                            Integer.parseInt(partition)),
                                    Long.parseLong(offset)));
                        }
                    })
                    .readToEnd();
        } catch (KafkaException | IllegalStateException e) {
            failed(e);
        }
        return found;
    }

    /** @param shorter in its place where the topic does not take it */
    private void send(ProducerRecord<byte[], byte[]> letter, Optional<ProducerRecord<byte[], byte[]>> shorter) {
        Future<RecordMetadata> unused = producer.send(letter, (metadata, failure) -> {
            if (shorter.isPresent() && OversizedRecord.isCauseOf(failure)) {
                send(shorter.get(), Optional.empty());
            } else if (failure != null) {
                failed(failure);
            }
        });
    }

    private void failed(Exception e) {
        LOG.warn("topic {}: {}", topic, e.getMessage());
    }

    @Override
    public void close() {
        if (producer != null) {
            producer.close(LAST_PATIENCE);
        }
    }
}
