package io.calibrant.schemas;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Reads a topic that is there, from its beginning to where it ends now: committed records only, without a group. */
public final class TopicScan {
    private static final Duration POLL = Duration.ofMillis(200);

    /**
     * The end is known, so nothing is waited for; to close waits for the fetch that is under way, half a second by
     * default.
     */
    private static final String FETCH_WAIT_MS = "20";

    private TopicScan() {}

    /** Gives every record as it is, those of one partition in their order. */
    public static void read(Connection connection, String topic, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        read(connection, topic, partition -> true, each);
    }

    /** The same of some partitions, by number. */
    public static void read(
            Connection connection, String topic, IntPredicate wanted, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        Map<String, Object> configs = connection.consumer(null);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        configs.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, FETCH_WAIT_MS);
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .filter(info -> wanted.test(info.partition()))
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    each.accept(record);
                }
            }
        }
    }

    /** The newest value of a key; nothing where there is none, or it has been removed. */
    public static Optional<byte[]> newest(Connection connection, String topic, String key) {
        byte[] wanted = key.getBytes(StandardCharsets.UTF_8);
        byte[][] newest = new byte[1][];
        read(connection, topic, record -> {
            if (Arrays.equals(wanted, record.key())) {
                newest[0] = record.value();
            }
        });
        return Optional.ofNullable(newest[0]);
    }
}
