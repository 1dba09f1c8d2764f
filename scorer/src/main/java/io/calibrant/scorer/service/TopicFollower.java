package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Reads the topics of an assembly from their beginning, in no consumer group, and goes on with what arrives. */
final class TopicFollower implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final PosteriorAssembly assembly;

    /**
     * Finds the topics and goes to their beginning.
     *
     * @throws IllegalStateException naming the address if no broker answers, or the topic that does not exist
     */
    TopicFollower(Connection connection, PosteriorAssembly assembly) {
        this.assembly = assembly;
        Map<String, Object> configs = new HashMap<>(connection.consumer(null));
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        this.consumer = new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        try {
            List<TopicPartition> partitions = new ArrayList<>();
            for (String topic : assembly.sources()) {
                partitions.addAll(partitions(connection, topic));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
    }

    private List<TopicPartition> partitions(Connection connection, String topic) {
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

    /** Reads up to the present end of all topics, so that an older posterior is not served first. */
    void catchUp() {
        Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            poll(Duration.ofSeconds(1));
        }
    }

    /**
     * Hands on what has arrived.
     *
     * @return whether any of it concerns the assembly
     */
    boolean poll(Duration timeout) {
        boolean news = false;
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(timeout)) {
            String key = record.key() == null ? null : new String(record.key(), StandardCharsets.UTF_8);
            news |= assembly.accept(record.topic(), key, record.value());
        }
        return news;
    }

    /** Makes a waiting {@link #poll} throw a WakeupException; from any thread. */
    void wakeup() {
        consumer.wakeup();
    }

    @Override
    public void close() {
        consumer.close();
    }
}
