package io.calibrant.infra.live;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * All partitions of several topics from their beginning, without a consumer group. Topics that are missing are read
 * once they are there, and a broker that goes away is waited for. Not thread-safe.
 */
final class TopicTail implements AutoCloseable {
    private static final Duration ASK_EVERY = Duration.ofSeconds(1);
    private static final Duration PATIENCE = Duration.ofSeconds(3);

    private final Admin admin;
    private final KafkaConsumer<String, byte[]> consumer;
    private final Set<String> missing;
    private final List<TopicPartition> partitions = new ArrayList<>();
    private final Map<TopicPartition, Long> ends = new HashMap<>();
    private KafkaFuture<Set<String>> asked;
    private long askedAt;
    private boolean answered;
    private boolean lost;
    private boolean caughtUp;

    TopicTail(Connection connection, List<String> topics) {
        missing = new TreeSet<>(topics);
        Map<String, Object> configs = connection.consumer(null);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        consumer = new KafkaConsumer<>(configs, new StringDeserializer(), new ByteArrayDeserializer());
        Map<String, Object> adminConfigs = connection.admin();
        adminConfigs.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, Long.toString(PATIENCE.toMillis()));
        adminConfigs.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, Long.toString(PATIENCE.toMillis()));
        admin = Admin.create(adminConfigs);
    }

    /** The next records, waiting for them if there are none yet. */
    Iterable<ConsumerRecord<String, byte[]>> poll(Duration patience) {
        ask();
        if (partitions.isEmpty()) {
            pause(patience);
            return List.of();
        }
        return consumer.poll(patience);
    }

    private static void pause(Duration patience) {
        try {
            Thread.sleep(patience.toMillis());
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }

    /** Asks for the topics, about once a second: which are there, and whether anybody answers. Never waits. */
    private void ask() {
        if (asked == null) {
            if ((!answered && !lost) || System.nanoTime() - askedAt > ASK_EVERY.toNanos()) {
                askedAt = System.nanoTime();
                asked = admin.listTopics().names();
            }
            return;
        }
        if (!asked.isDone()) {
            return;
        }
        try {
            Set<String> there = new HashSet<>(asked.get());
            lost = false;
            there.retainAll(missing);
            if (!there.isEmpty()) {
                there.forEach(this::add);
            }
            answered = true;
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException | TimeoutException e) {
            lost = true;
        } finally {
            asked = null;
        }
    }

    private void add(String topic) {
        List<TopicPartition> of = consumer.partitionsFor(topic).stream()
                .map(info -> new TopicPartition(topic, info.partition()))
                .toList();
        partitions.addAll(of);
        consumer.assign(partitions); // those that it had before go on where they are
        consumer.seekToBeginning(of);
        ends.putAll(consumer.endOffsets(of));
        missing.remove(topic);
    }

    /** Whether everything has been read that was there at the start; false before the broker has answered. */
    boolean caughtUp() {
        caughtUp = caughtUp || (answered && ends.entrySet().stream().allMatch(this::reached));
        return caughtUp;
    }

    private boolean reached(Map.Entry<TopicPartition, Long> end) {
        try {
            return end.getValue() == 0 || consumer.position(end.getKey(), ASK_EVERY) >= end.getValue();
        } catch (TimeoutException e) {
            return false;
        }
    }

    /** Whether nobody answers at present. */
    boolean lost() {
        return lost;
    }

    /** Topics that are not there. */
    Set<String> missing() {
        return new TreeSet<>(missing);
    }

    @Override
    public void close() {
        consumer.close();
        admin.close(Duration.ZERO);
    }
}
