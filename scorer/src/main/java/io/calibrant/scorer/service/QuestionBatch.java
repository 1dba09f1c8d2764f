package io.calibrant.scorer.service;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Questions that are answered and committed together: those of one poll, and what comes within a bounded time after it.
 * The questions of a partition that is revoked meanwhile are dropped: its new owner answers them. Not thread-safe;
 * confined to one thread.
 */
final class QuestionBatch implements ConsumerRebalanceListener {
    private final Assignment assigned;
    private final Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = new HashMap<>();
    private final Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();

    /** Hears of partitions before their questions come. */
    @FunctionalInterface
    interface Assignment {
        void begins(Collection<TopicPartition> partitions);
    }

    QuestionBatch(Assignment assigned) {
        this.assigned = assigned;
    }

    /**
     * Waits for questions.
     *
     * @param timeout for the first one
     * @param enough with so many questions it waits no longer
     * @param linger how long the first one may wait for others
     */
    void gather(Consumer<byte[], byte[]> consumer, Duration timeout, int enough, Duration linger) {
        records.clear();
        offsets.clear();
        take(consumer.poll(timeout));
        long end = System.nanoTime() + linger.toNanos();
        while (!records.isEmpty() && size() < enough) {
            long left = end - System.nanoTime();
            if (left <= 0) {
                return;
            }
            take(consumer.poll(Duration.ofNanos(left)));
        }
    }

    private void take(ConsumerRecords<byte[], byte[]> more) {
        more.partitions()
                .forEach(partition -> records.computeIfAbsent(partition, p -> new ArrayList<>())
                        .addAll(more.records(partition)));
        offsets.putAll(more.nextOffsets());
    }

    private int size() {
        return records.values().stream().mapToInt(List::size).sum();
    }

    boolean isEmpty() {
        return records.isEmpty();
    }

    /** The questions; those of a partition in their order. */
    List<ConsumerRecord<byte[], byte[]>> records() {
        return records.values().stream().flatMap(List::stream).toList();
    }

    /** The offsets to commit with them: of each partition, the one after its last question. */
    Map<TopicPartition, OffsetAndMetadata> offsets() {
        return Map.copyOf(offsets);
    }

    /** Seeks back, so that the consumer returns these questions again. */
    void giveBack(Consumer<byte[], byte[]> consumer) {
        records.forEach((partition, each) -> {
            if (consumer.assignment().contains(partition)) {
                consumer.seek(partition, each.get(0).offset());
            }
        });
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        records.keySet().removeAll(partitions);
        offsets.keySet().removeAll(partitions);
    }

    /** The consumer itself starts at the committed offset. */
    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        assigned.begins(partitions);
    }
}
