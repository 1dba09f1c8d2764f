package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * What is to be read, and how: topics with what takes their records, and the policies of the reader. Ends in
 * {@link #readToEnd}, {@link #toEnd}, {@link #follow}, {@link #latest} or {@link #newest}; is used once.
 *
 * <p>Unless told otherwise a reader begins with the first record, refuses topics that are missing, passes over bad
 * records in silence, and throws where the registry or the broker is away.
 */
public final class TopicReading {
    private final Connection connection;
    private final Map<String, RecordHandler> handlers = new LinkedHashMap<>();
    private final List<RecordDecoder<?>> decoders = new ArrayList<>();
    private IntPredicate partitions = partition -> true;
    private Consumer<String> badRecords = line -> {};
    private Consumer<String> outages;
    private boolean fromNow;
    private boolean awaitingTopics;

    private TopicReading(Connection connection) {
        this.connection = Objects.requireNonNull(connection, "connection");
    }

    /** Nothing to be read yet. */
    public static TopicReading of(Connection connection) {
        return new TopicReading(connection);
    }

    /** A topic as bytes. */
    public TopicReading bytes(String topic, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        return results(topic, record -> {
            each.accept(record);
            return ReadResult.taken();
        });
    }

    /** A topic decoded. */
    public <V extends SpecificRecord> TopicReading records(String topic, Class<V> type, Consumer<TopicRecord<V>> each) {
        return records(topic, type, key -> true, each);
    }

    /**
     * A topic of which some records are decoded.
     *
     * @param keys which records; what has no key is none of them, unless the predicate accepts null
     */
    public <V extends SpecificRecord> TopicReading records(
            String topic, Class<V> type, Predicate<String> keys, Consumer<TopicRecord<V>> each) {
        RecordDecoder<V> decoder = new RecordDecoder<>(connection, type);
        decoders.add(decoder);
        return results(topic, record -> {
            if (!keys.test(TopicRecord.key(record))) {
                return ReadResult.taken();
            }
            ReadResult<V> result = decoder.decode(record);
            if (result instanceof ReadResult.Read<V> read) {
                each.accept(TopicRecord.of(record, read.value()));
            }
            return result;
        });
    }

    /** A topic whose handler says itself what came of each record. */
    public TopicReading results(String topic, RecordHandler handler) {
        if (handlers.put(topic, handler) != null) {
            throw new IllegalArgumentException("topic " + topic + " has two handlers");
        }
        return this;
    }

    /** Only these partitions, by number. */
    public TopicReading partitions(IntPredicate wanted) {
        partitions = wanted;
        return this;
    }

    /** Begins with what is written after the reader was opened. Not for reading to the end. */
    public TopicReading fromNow() {
        fromNow = true;
        return this;
    }

    /** Begins with a topic that is missing once it is there. Not for reading to the end. */
    public TopicReading awaitingTopics() {
        awaitingTopics = true;
        return this;
    }

    /**
     * Reports records that cannot be read.
     *
     * @param lines hears of each, in one line with topic, partition, offset and reason
     */
    public TopicReading badRecords(Consumer<String> lines) {
        badRecords = lines;
        return this;
    }

    /**
     * Waits for a broker or registry that is away, however long, and goes on where it was.
     *
     * @param lines hears of it once, with the address, and once when it is back
     */
    public TopicReading throughOutages(Consumer<String> lines) {
        outages = lines;
        return this;
    }

    /**
     * A reader of what is there now: it hands on nothing that comes later.
     *
     * @throws IllegalStateException naming the topics that are missing
     * @throws org.apache.kafka.common.KafkaException if the broker does not answer
     */
    public TopicReader toEnd() {
        if (fromNow || awaitingTopics) {
            throw new IllegalStateException("what is still to come has no end");
        }
        return open(true);
    }

    /**
     * Reads what is there now, and returns when all of it is handed on; see {@link #toEnd} and
     * {@link TopicReader#poll}.
     */
    public void readToEnd() {
        try (TopicReader reader = toEnd()) {
            reader.readToEnd();
        }
    }

    /** A reader that goes on with what comes; throws as {@link #toEnd}. */
    public TopicReader follow() {
        return open(false);
    }

    private TopicReader open(boolean bounded) {
        ReadPolicy policy = new ReadPolicy(bounded, fromNow, awaitingTopics, partitions, badRecords, outages);
        return new TopicReader(connection, new LinkedHashMap<>(handlers), List.copyOf(decoders), policy);
    }

    /**
     * A compacted topic as it is now: the newest value of every key that has one, by key, in the order in which the
     * keys first came.
     */
    public <V extends SpecificRecord> Map<String, V> latest(String topic, Class<V> type) {
        Map<String, V> latest = new LinkedHashMap<>();
        records(topic, type, Objects::nonNull, record -> {
                    if (record.value() == null) {
                        latest.remove(record.key());
                    } else {
                        latest.put(record.key(), record.value());
                    }
                })
                .readToEnd();
        return latest;
    }

    /** The newest value of one key, as bytes; nothing where there is none, or it has been removed. */
    public Optional<byte[]> newest(String topic, String key) {
        byte[] wanted = key.getBytes(StandardCharsets.UTF_8);
        byte[][] newest = new byte[1][];
        bytes(topic, record -> {
                    if (Arrays.equals(wanted, record.key())) {
                        newest[0] = record.value();
                    }
                })
                .readToEnd();
        return Optional.ofNullable(newest[0]);
    }
}
