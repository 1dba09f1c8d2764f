package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * How far a consumer group is behind the committed end of its topics, all members together, as the broker knows it: so
 * it tells of a group that takes nothing, too. Offsets are counted. Where the group has not moved since the last look,
 * they are counted from the first committed record on: what is only the marker of a transaction, or was aborted, does
 * not wait. Connects when it is asked first. Thread-safe.
 */
public final class GroupLag implements AutoCloseable {
    private final Connection connection;
    private final String group;
    private final Set<String> topics;
    private final FirstWaiting waiting;
    private final Map<TopicPartition, Long> before = new HashMap<>();
    private final Map<TopicPartition, Held> held = new HashMap<>();
    private Admin admin;
    private boolean closed;

    /** Where a partition's committed records end though it has others behind them, and since when. */
    private record Held(long offset, long since) {}

    /** @param topics those that are not there are left out */
    public GroupLag(Connection connection, String group, Collection<String> topics) {
        this.connection = connection;
        this.group = group;
        this.topics = new TreeSet<>(topics);
        waiting = new FirstWaiting(connection);
    }

    /** Its group. */
    public String group() {
        return group;
    }

    /**
     * Where the group is, by topic. Where it has committed nothing yet, or what it would read next is gone, it is at
     * the beginning.
     *
     * @param patience the answer is not waited for any longer
     * @return empty if the broker does not answer in time, or refuses
     */
    public synchronized Map<String, GroupPlace> byTopic(Duration patience) {
        if (closed) {
            return Map.of();
        }
        long end = System.nanoTime() + patience.toNanos();
        try {
            if (admin == null) {
                admin = Admin.create(connection.admin());
            }
            Set<TopicPartition> partitions = partitions(end);
            Map<TopicPartition, OffsetAndMetadata> committed = get(
                    admin.listConsumerGroupOffsets(
                                    Map.of(group, new ListConsumerGroupOffsetsSpec().topicPartitions(partitions)))
                            .partitionsToOffsetAndMetadata(group),
                    end);
            Map<TopicPartition, Long> first =
                    offsets(partitions, OffsetSpec.earliest(), IsolationLevel.READ_COMMITTED, end);
            Map<TopicPartition, Long> last =
                    offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED, end);
            Map<TopicPartition, Long> open =
                    offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED, end);
            Map<String, GroupPlace> places = new HashMap<>();
            last.forEach((partition, stable) -> {
                long begin = first.get(partition);
                OffsetAndMetadata offset = committed.get(partition);
                long from = offset == null ? begin : Math.max(begin, offset.offset());
                GroupPlace place = new GroupPlace(
                        behind(partition, from, stable, end),
                        offset == null ? 0 : offset.offset(),
                        heldUp(partition, stable, open.getOrDefault(partition, stable)));
                places.merge(partition.topic(), place, GroupPlace::plus);
            });
            return Map.copyOf(places);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Map.of();
        } catch (ExecutionException | TimeoutException | RuntimeException e) {
            return Map.of(); // an unknown lag is shown as none at all, and not as 0
        }
    }

    /** Of a group that moves it is not worth a look which of the offsets are records. */
    private long behind(TopicPartition partition, long from, long stable, long deadline) {
        Long was = before.put(partition, from);
        boolean stands = was != null && was == from && from < stable;
        return Math.max(0, stable - (stands ? waiting.offset(partition, from, stable, deadline) : from));
    }

    private Duration heldUp(TopicPartition partition, long stable, long open) {
        long now = System.nanoTime();
        if (stable >= open) {
            held.remove(partition);
            return Duration.ZERO;
        }
        Held was = held.get(partition);
        if (was == null || was.offset() != stable) {
            was = new Held(stable, now);
            held.put(partition, was);
        }
        return Duration.ofNanos(now - was.since());
    }

    private Set<TopicPartition> partitions(long end) throws InterruptedException, ExecutionException, TimeoutException {
        Set<TopicPartition> partitions = new HashSet<>();
        for (KafkaFuture<TopicDescription> each :
                admin.describeTopics(topics).topicNameValues().values()) {
            try {
                TopicDescription topic = get(each, end);
                for (TopicPartitionInfo partition : topic.partitions()) {
                    partitions.add(new TopicPartition(topic.name(), partition.partition()));
                }
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof UnknownTopicOrPartitionException
                        || e.getCause() instanceof TopicAuthorizationException)) {
                    throw e;
                }
            }
        }
        return partitions;
    }

    private Map<TopicPartition, Long> offsets(
            Set<TopicPartition> partitions, OffsetSpec spec, IsolationLevel isolation, long end)
            throws InterruptedException, ExecutionException, TimeoutException {
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        partitions.forEach(partition -> asked.put(partition, spec));
        Map<TopicPartition, Long> offsets = new HashMap<>();
        for (Map.Entry<TopicPartition, ListOffsetsResultInfo> each : get(
                        admin.listOffsets(asked, new ListOffsetsOptions(isolation))
                                .all(),
                        end)
                .entrySet()) {
            offsets.put(each.getKey(), each.getValue().offset());
        }
        return offsets;
    }

    private static <T> T get(KafkaFuture<T> future, long end)
            throws InterruptedException, ExecutionException, TimeoutException {
        return future.get(Math.max(1, end - System.nanoTime()), TimeUnit.NANOSECONDS);
    }

    @Override
    public synchronized void close() {
        closed = true;
        waiting.close();
        if (admin != null) {
            admin.close(Duration.ZERO);
        }
    }
}
