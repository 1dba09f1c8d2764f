package io.calibrant.scorer.serving;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads the topics of a catalogue from their beginning, in no consumer group, goes on with what arrives, and fetches
 * single records again.
 */
final class TopicFollower implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration POLL = Duration.ofSeconds(1);

    /** Records between two wanted ones that are read over; a larger gap is skipped. */
    private static final long GAP = 100;

    private final Connection connection;
    private final Catalogue catalogue;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private KafkaConsumer<byte[], byte[]> fetcher;

    /**
     * Finds the topics and goes to their beginning.
     *
     * @throws IllegalStateException naming the address if no broker answers, or the topic that does not exist
     */
    TopicFollower(Connection connection, Catalogue catalogue) {
        this.connection = connection;
        this.catalogue = catalogue;
        this.consumer = open();
        try {
            List<TopicPartition> partitions = new ArrayList<>();
            for (String topic : catalogue.sources()) {
                partitions.addAll(partitions(topic));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
    }

    private KafkaConsumer<byte[], byte[]> open() {
        Map<String, Object> configs = new HashMap<>(connection.consumer(null));
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        return new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private List<TopicPartition> partitions(String topic) {
        try {
            List<PartitionInfo> found = consumer.partitionsFor(topic, PATIENCE);
            if (found == null || found.isEmpty()) {
                throw new IllegalStateException("topic '" + topic + "' does not exist at "
                        + connection.bootstrapServers() + ": create the topics first (calibrant topics --apply)");
            }
            return found.stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
        } catch (TimeoutException e) {
            throw new IllegalStateException("no broker answers at " + connection.bootstrapServers(), e);
        }
    }

    /**
     * Reads up to the present end of all topics: what was committed before the call is in the catalogue after it.
     *
     * @return whether any of it concerns a served run
     */
    boolean catchUp() {
        boolean news = false;
        Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            news |= poll(POLL);
        }
        return news;
    }

    /**
     * Hands on what has arrived.
     *
     * @return whether any of it concerns a served run
     * @throws RuntimeException if the registry cannot be asked: the records that it stands for come again
     */
    boolean poll(Duration timeout) {
        boolean news = false;
        Map<TopicPartition, Long> unread = new HashMap<>();
        RuntimeException failure = null;
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(timeout)) {
            if (failure == null) {
                try {
                    news |= catalogue.accept(record);
                } catch (RuntimeException e) {
                    failure = e;
                }
            }
            if (failure != null) {
                unread.putIfAbsent(new TopicPartition(record.topic(), record.partition()), record.offset());
            }
        }
        if (failure != null) {
            unread.forEach(consumer::seek);
            throw failure;
        }
        return news;
    }

    /**
     * Values of single records.
     *
     * @return by place; a record that compaction has removed since, because a newer one of its key came, is absent
     * @throws TimeoutException if the broker does not hand them out
     */
    Map<RecordPosition, byte[]> fetch(Collection<RecordPosition> places) {
        Map<TopicPartition, NavigableSet<Long>> wanted = new HashMap<>();
        places.forEach(place ->
                wanted.computeIfAbsent(place.partition(), p -> new TreeSet<>()).add(place.offset()));
        Map<RecordPosition, byte[]> found = new HashMap<>();
        if (fetcher == null) {
            fetcher = open();
        }
        fetcher.assign(wanted.keySet());
        wanted.forEach((partition, offsets) -> fetcher.seek(partition, offsets.first()));
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!wanted.isEmpty()) {
            for (ConsumerRecord<byte[], byte[]> record : fetcher.poll(POLL)) {
                TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                if (wanted.containsKey(partition) && wanted.get(partition).contains(record.offset())) {
                    found.put(new RecordPosition(partition, record.offset()), record.value());
                    deadline = System.nanoTime() + PATIENCE.toNanos();
                }
            }
            wanted.entrySet().removeIf(entry -> !goesOn(entry.getKey(), entry.getValue()));
            if (System.nanoTime() > deadline) {
                throw new TimeoutException("records of " + wanted.keySet() + " do not come");
            }
        }
        fetcher.unsubscribe();
        return found;
    }

    /** Skips to the next offset that is wanted of a partition; false if there is none. */
    private boolean goesOn(TopicPartition partition, NavigableSet<Long> offsets) {
        long position = fetcher.position(partition);
        offsets.headSet(position).clear();
        if (offsets.isEmpty()) {
            fetcher.pause(List.of(partition));
            return false;
        }
        if (offsets.first() - position > GAP) {
            fetcher.seek(partition, offsets.first());
        }
        return true;
    }

    /** Makes a waiting {@link #poll} or {@link #catchUp} throw a WakeupException; from any thread. */
    void wakeup() {
        consumer.wakeup();
    }

    @Override
    public void close() {
        consumer.close();
        if (fetcher != null) {
            fetcher.close();
        }
    }
}
