package io.calibrant.infra.refit;

import io.calibrant.fitter.topology.Selection;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.registry.BadRecordException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * One reading of topic {@code statistics}, without a group: what of a run lies there, and what of that is selected.
 * Keeps numbers of batches and a few statistics to try folding on, so that its memory does not grow with the topic.
 */
final class StatisticsScan {
    private static final Duration POLL = Duration.ofMillis(500);

    /** The end is known, so nothing is waited for; to close waits for the fetch that is under way. */
    private static final String FETCH_WAIT_MS = "20";

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

    /** Reads the topic once, up to where it ends now. */
    static StatisticsScan of(Connection connection, Selection selection) {
        StatisticsScan scan = new StatisticsScan();
        Map<String, Object> configs = connection.consumer(null);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        configs.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, FETCH_WAIT_MS);
        String topic = connection.topics().statistics();
        long read = 0;
        long began = 0;
        try (KafkaConsumer<String, byte[]> consumer =
                        new KafkaConsumer<>(configs, new StringDeserializer(), new ByteArrayDeserializer());
                Deserializer<Statistics> deserializer = connection.deserializer(Statistics.class)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> starts = consumer.beginningOffsets(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            scan.truncated = starts.values().stream().anyMatch(start -> start > 0);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                ConsumerRecords<String, byte[]> polled = consumer.poll(POLL);
                if (began == 0 && !polled.isEmpty()) {
                    began = System.nanoTime(); // to find the partitions takes a while, however much they hold
                }
                for (ConsumerRecord<String, byte[]> record : polled) {
                    read += Math.max(0, record.serializedValueSize());
                    TopicPartition partition = new TopicPartition(topic, record.partition());
                    if (record.key() != null
                            && record.value() != null
                            && Keys.runOf(record.key()).equals(selection.run())
                            && record.offset() < ends.get(partition)) {
                        scan.add(record, deserializer, selection, starts.get(partition) > 0);
                    }
                }
            }
        }
        scan.bytesPerSecond = began == 0 ? 1 : read / Math.max(1e-3, (System.nanoTime() - began) / 1e9);
        return scan;
    }

    private void add(
            ConsumerRecord<String, byte[]> record,
            Deserializer<Statistics> deserializer,
            Selection selection,
            boolean partitionTruncated) {
        Statistics value;
        try {
            value = deserializer.deserialize(record.topic(), record.value());
        } catch (BadRecordException e) {
            return; // the fitter will put it away
        }
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
