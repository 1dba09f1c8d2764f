package io.calibrant.infra.bench;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.reading.TopicReading;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.serialization.Deserializer;

/** The contents of topics, how fast a plain consumer reads them, and how fast a consumer group processes them. */
final class TopicMeter implements AutoCloseable {
    /** The share of a topic that is warm-up and not timed. */
    private static final double WARM = 0.5;

    /** After this share of a topic, records may only wait for a commit and are not timed. */
    private static final double NEARLY_ALL = 0.98;

    private static final Duration LOOK = Duration.ofMillis(50);
    private static final Duration PATIENCE = Duration.ofMinutes(4);

    private final Connection connection;
    private final Admin admin;
    private final Map<String, List<TopicPartition>> partitions = new HashMap<>();

    TopicMeter(Connection connection) {
        this.connection = connection;
        admin = Admin.create(connection.admin());
    }

    /**
     * A topic as it is.
     *
     * @param records that are committed
     * @param bytes of keys and values
     * @param keys of each partition
     * @param latestBytes of the newest value of each key
     */
    record Content(long records, long bytes, Map<Integer, Set<String>> keys, long latestBytes) {
        double megabytes() {
            return bytes / 1e6;
        }
    }

    /**
     * Records and megabytes a second.
     *
     * @param cpuMillis that the processes took for a record, NaN where that is not known
     */
    record Rate(double records, double megabytes, double cpuMillis) {}

    /** Reads a topic from its beginning to its present end. */
    Content content(String topic) {
        Map<Integer, Set<String>> keys = new HashMap<>();
        Map<String, Integer> latest = new HashMap<>();
        long[] sums = new long[2];
        Consumer<ConsumerRecord<byte[], byte[]>> measure = record -> {
            String key = new String(record.key(), java.nio.charset.StandardCharsets.UTF_8);
            keys.computeIfAbsent(record.partition(), p -> new HashSet<>()).add(key);
            int size = record.value() == null ? 0 : record.value().length;
            latest.put(key, size);
            sums[0]++;
            sums[1] += record.key().length + size;
        };
        TopicReading.of(connection).bytes(topic, measure).readToEnd();
        return new Content(
                sums[0],
                sums[1],
                keys,
                latest.values().stream().mapToLong(Integer::longValue).sum());
    }

    /**
     * How fast one consumer of committed records, with the fitter's own settings, gets through a topic: bytes alone.
     */
    Rate raw(String topic, Content content) {
        return consume(topic, content, record -> {});
    }

    /** The same, each record decoded. */
    Rate decoded(String topic, Content content) {
        try (Deserializer<Statistics> deserializer = connection.deserializer(Statistics.class)) {
            return consume(topic, content, record -> deserializer.deserialize(topic, record.value()));
        }
    }

    /** The same by several consumers, a thread each, and each record folded: see {@link BareFold}. */
    Rate bare(String topic, Content content, int threads) {
        long from = Math.round(WARM * content.records);
        long to = Math.round(NEARLY_ALL * content.records);
        double seconds = BareFold.seconds(connection, topic, threads, from, to);
        return rate(content, (to - from) / (double) content.records, (long) (1e9 * seconds), Double.NaN);
    }

    private Rate consume(String topic, Content content, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        long[] count = new long[2];
        Consumer<ConsumerRecord<byte[], byte[]>> counted = record -> {
            each.accept(record);
            count[0]++;
            if (count[1] == 0 && count[0] >= WARM * content.records) {
                count[1] = System.nanoTime();
            }
        };
        TopicReading.of(connection).bytes(topic, counted).readToEnd();
        return rate(content, 1 - WARM, System.nanoTime() - count[1], Double.NaN);
    }

    private static Rate rate(Content content, double share, long nanos, double cpuMillis) {
        double perSecond = share / (nanos / 1e9);
        return new Rate(
                content.records * perSecond, content.megabytes() * perSecond, cpuMillis / (share * content.records));
    }

    /**
     * Waits until a group has committed all of a topic, and says how fast it got through what comes after the warm-up,
     * by what it wrote meanwhile: offsets of a backlog are committed once a second, too seldom to time a pass by.
     *
     * @param updates the topic to which the group writes as it goes
     * @param cpu the processor time that the group's processes have taken until now, milliseconds; asked while it
     *     waits, and throws where they are gone
     */
    Rate folded(String group, String topic, String updates, Content content, LongSupplier cpu) {
        Map<TopicPartition, Long> ends = ends(topic);
        double before = sum(ends(updates));
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        List<Look> looks = new ArrayList<>();
        while (System.nanoTime() < deadline) {
            looks.add(new Look(System.nanoTime(), sum(ends(updates)) - before, cpu.getAsLong()));
            Map<TopicPartition, Long> offsets = offsets(group, ends::containsKey);
            if (ends.entrySet().stream().allMatch(end -> offsets.getOrDefault(end.getKey(), 0L) >= end.getValue())) {
                double all = sum(ends(updates)) - before;
                Look from = first(looks, WARM * all);
                Look to = first(looks, NEARLY_ALL * all);
                return rate(content, (to.written - from.written) / all, to.nanos - from.nanos, (double)
                        (to.cpu - from.cpu));
            }
            try {
                Thread.sleep(LOOK.toMillis());
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            }
        }
        throw new IllegalStateException(
                "group " + group + " did not get through topic " + topic + " in " + PATIENCE.toSeconds() + " s");
    }

    private static Look first(List<Look> looks, double written) {
        return looks.stream()
                .filter(look -> look.written >= written)
                .findFirst()
                .orElse(looks.get(looks.size() - 1));
    }

    private static double sum(Map<TopicPartition, Long> offsets) {
        return offsets.values().stream().mapToLong(Long::longValue).sum();
    }

    /** The position of a group at a time. */
    private record Look(long nanos, double written, long cpu) {}

    /** The ends of a topic's partitions, with what is not committed yet. */
    private Map<TopicPartition, Long> ends(String topic) {
        Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
        for (TopicPartition partition : partitions.computeIfAbsent(topic, this::partitionsOf)) {
            wanted.put(partition, OffsetSpec.latest());
        }
        Map<TopicPartition, Long> ends = new HashMap<>();
        answer(admin.listOffsets(wanted).all()).forEach((partition, end) -> ends.put(partition, end.offset()));
        return ends;
    }

    private List<TopicPartition> partitionsOf(String topic) {
        return answer(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().stream()
                .map(info -> new TopicPartition(topic, info.partition()))
                .toList();
    }

    private Map<TopicPartition, Long> offsets(String group, Predicate<TopicPartition> wanted) {
        Map<TopicPartition, Long> offsets = new HashMap<>();
        answer(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata())
                .forEach((partition, offset) -> {
                    if (offset != null && wanted.test(partition)) {
                        offsets.put(partition, offset.offset());
                    }
                });
        return offsets;
    }

    /** All topics, sorted. */
    List<String> topics(Predicate<String> wanted) {
        return answer(admin.listTopics().names()).stream()
                .filter(wanted)
                .sorted()
                .toList();
    }

    private static <T> T answer(KafkaFuture<T> future) {
        try {
            return future.get();
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        }
    }

    @Override
    public void close() {
        admin.close();
    }
}
