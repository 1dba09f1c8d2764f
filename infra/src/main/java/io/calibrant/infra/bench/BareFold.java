package io.calibrant.infra.bench;

import io.calibrant.fitter.linalg.LargeSide;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.schemas.reading.TopicReading;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntPredicate;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Plain consumers of topic statistics, one per thread, that only decode and fold: no store, no updates, no
 * transactions, no checks. They are the upper bound of a fitter with as many threads on this machine.
 */
final class BareFold {
    private final Connection connection;
    private final String topic;
    private final long from;
    private final long to;
    private final AtomicLong folded = new AtomicLong();

    /** Start and end of the measurement; each is set once, and read after all threads have ended. */
    private long started;

    private long stopped;

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
    static double seconds(Connection connection, String topic, int threads, long from, long to) {
        BareFold fold = new BareFold(connection, topic, from, to);
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                int turn = i;
                running.add(pool.submit(() -> fold.read(partition -> partition % threads == turn)));
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
        return (fold.stopped - fold.started) / 1e9;
    }

    private void read(IntPredicate partitions) {
        Map<String, LargeSide> sides = new HashMap<>();
        try (Deserializer<Statistics> deserializer = connection.deserializer(Statistics.class)) {
            TopicReading.of(connection)
                    .partitions(partitions)
                    .bytes(topic, record -> fold(deserializer.deserialize(topic, record.value()), sides))
                    .readToEnd();
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
        if (count == from) {
            started = System.nanoTime();
        } else if (count == to) {
            stopped = System.nanoTime();
        }
    }
}
