package io.calibrant.infra.refit;

import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.reading.ReadResult;
import io.calibrant.schemas.reading.RecordDecoder;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.reading.TopicRecord;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * One reading of topic {@code statistics}: what of a run lies there, and what of that is selected. Keeps numbers of
 * batches and a few statistics to try folding on, so that its memory does not grow with the topic.
 */
final class StatisticsScan {
    /** So many statistics are kept to measure how long a fold takes. */
    private static final int SAMPLE = 24;

    final Map<String, CheckpointScan> checkpoints = new TreeMap<>();
    final TreeSet<String> sources = new TreeSet<>();
    final List<Statistics> sample = new ArrayList<>();

    /** Of what is selected. */
    long records;

    long bytes;
    long firstTimestamp = Long.MAX_VALUE;
    long lastTimestamp = Long.MIN_VALUE;

    /** The most rows of a statistic that is reduced, of any block: no rank beyond has a basis. */
    int mostRows;

    /** Whether every statistic knows how far its block is from the initial adapter. */
    boolean knowsDistance = true;

    /** Checkpoints of the run other than the selected one. */
    final TreeSet<String> otherCheckpoints = new TreeSet<>();

    /** Whether something has been dropped from the start of some partition. */
    boolean truncated;

    /** Bytes of the whole topic a second, as they came. */
    double bytesPerSecond;

    private StatisticsScan() {}

    /**
     * Reads the topic once, up to where it ends now.
     *
     * @param outages called once when the broker or the registry is away, and once when it is back; both are waited for
     */
    static StatisticsScan of(Connection connection, StatisticsSelection selection, Consumer<String> outages) {
        StatisticsScan scan = new StatisticsScan();
        String topic = connection.topics().statistics();
        long[] sums = new long[2]; // bytes of all records; when the first one came
        Set<Integer> truncated = new HashSet<>();
        try (RecordDecoder<Statistics> decoder = new RecordDecoder<>(connection, Statistics.class);
                TopicReader reader = TopicReading.of(connection)
                        .results(topic, record -> {
                            if (sums[1] == 0) {
                                sums[1] = System.nanoTime(); // finding the partitions takes a while, whatever they hold
                            }
                            sums[0] += Math.max(0, record.serializedValueSize());
                            String key = TopicRecord.key(record);
                            if (key == null
                                    || record.value() == null
                                    || !Keys.runOf(key).equals(selection.run())) {
                                return ReadResult.taken();
                            }
                            ReadResult<Statistics> result = decoder.decode(record);
                            if (result instanceof ReadResult.Read<Statistics> read) {
                                scan.add(record, read.value(), selection, truncated.contains(record.partition()));
                            }
                            return result; // a bad one is the fitter's to dead-letter
                        })
                        .throughOutages(outages)
                        .toEnd()) {
            reader.starts().forEach((partition, start) -> {
                if (start > 0) {
                    truncated.add(partition.partition());
                }
            });
            reader.readToEnd();
        }
        scan.truncated = !truncated.isEmpty();
        scan.bytesPerSecond = sums[1] == 0 ? 1 : sums[0] / Math.max(1e-3, (System.nanoTime() - sums[1]) / 1e9);
        return scan;
    }

    private void add(
            ConsumerRecord<byte[], byte[]> record,
            Statistics value,
            StatisticsSelection selection,
            boolean partitionTruncated) {
        if (selection.checkpoint() != null && !selection.checkpoint().equals(value.getCheckpoint())) {
            otherCheckpoints.add(value.getCheckpoint());
            return;
        }
        sources.add(value.getSource());
        boolean selected = selection.has(value, record.timestamp());
        CheckpointScan checkpoint = checkpoints.computeIfAbsent(value.getCheckpoint(), CheckpointScan::new);
        if (value.getBatchesExpected() != null) {
            checkpoint.expected = value.getBatchesExpected();
        }
        checkpoint.block(value.getBlock()).add(value, selected, partitionTruncated);
        for (SharedInput shared : value.getShared()) {
            checkpoint.block(shared.getBlock()).add(value, selected, partitionTruncated);
        }
        if (!selected) {
            return;
        }
        records++;
        bytes += record.serializedValueSize();
        firstTimestamp = Math.min(firstTimestamp, record.timestamp());
        lastTimestamp = Math.max(lastTimestamp, record.timestamp());
        List<Integer> shape = value.getRows().getShape();
        mostRows = Math.max(mostRows, shape.isEmpty() ? 0 : shape.get(0));
        knowsDistance &= value.getSquaredDistance() != null
                && value.getShared().stream().allMatch(shared -> shared.getSquaredDistance() != null);
        if (sample.size() < SAMPLE) {
            sample.add(value);
        }
    }
}
