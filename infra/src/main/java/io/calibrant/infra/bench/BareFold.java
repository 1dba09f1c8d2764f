package io.calibrant.infra.bench;

import io.calibrant.fitter.linalg.LargeSide;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.avro.Tensor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Plain consumers of topic statistics, a thread each, that decode and fold and do nothing else: no store, no updates, no
 * transactions, no check. What a fitter of as many threads cannot surpass on this machine.
 */
final class BareFold {
    private static final Duration POLL = Duration.ofMillis(200);

    private final Connection connection;
    private final String topic;
    private final long from;
    private final long to;
    private final AtomicLong folded = new AtomicLong();

    /** When the warm-up was over, and when nearly all was folded. */
    private final AtomicLongArray times = new AtomicLongArray(2);

    private BareFold(Connection connection, String topic, long from, long to) {
        this.connection = connection;
        this.topic = topic;
        this.from = from;
        this.to = to;
    }

    /**
     * Folds a topic from its beginning to its present end.
     *
     * @param from records after which the clock starts
     * @param to records after which it stops
     * @return seconds between them
     */
    static double seconds(Connection connection, String topic, int partitions, int threads, long from, long to) {
        BareFold fold = new BareFold(connection, topic, from, to);
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                List<TopicPartition> mine = new ArrayList<>();
                for (int partition = i; partition < partitions; partition += threads) {
                    mine.add(new TopicPartition(topic, partition));
                }
                running.add(pool.submit(() -> fold.read(mine)));
            }
            for (Future<?> each : running) {
                each.get();
            }
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        } finally {
            pool.shutdownNow();
        }
        return (fold.times.get(1) - fold.times.get(0)) / 1e9;
    }

    private void read(List<TopicPartition> partitions) {
        Map<String, LargeSide> sides = new HashMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                        connection.consumer(null), new ByteArrayDeserializer(), new ByteArrayDeserializer());
                Deserializer<Statistics> deserializer = connection.deserializer(Statistics.class)) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    fold(deserializer.deserialize(topic, record.value()), sides);
                }
            }
        }
    }

    private void fold(Statistics value, Map<String, LargeSide> sides) {
        Tensor rows = value.getRows();
        int m = rows.getShape().get(0);
        int d = rows.getShape().get(1);
        sides.compute(
                value.getBlock(),
                (block, side) -> (side == null ? LargeSide.empty(d, FitterLoad.RANK) : side)
                        .fold(FactorRecords.rows(rows), m, value.getTrace(), value.getForgetting()));
        long count = folded.incrementAndGet();
        if (count == from || count == to) {
            times.set(count == from ? 0 : 1, System.nanoTime());
        }
    }
}
