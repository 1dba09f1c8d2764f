package io.calibrant.fitter.topology;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * The partition of a key, as Kafka's Java clients and Kafka Streams choose it. Other clients choose another one unless
 * they are told: librdkafka's default is {@code consistent_random}, Java's is its {@code murmur2_random}.
 */
final class Partitioning {
    private static final char REPLACEMENT = '\uFFFD';

    private Partitioning() {}

    /**
     * Whether a record lies where its key belongs. So does one without key or value, and one whose key is no UTF-8: it
     * is refused where it is, as it came.
     *
     * @param partitions of the record's topic
     */
    static boolean isInPlace(Record<String, ?> record, ProcessorContext<?, ?> context, int partitions) {
        String key = record.key();
        return key == null
                || record.value() == null
                || key.indexOf(REPLACEMENT) >= 0
                || context.recordMetadata()
                        .map(metadata -> metadata.partition() == of(key, partitions))
                        .orElse(true);
    }

    static int of(String key, int partitions) {
        return Utils.toPositive(Utils.murmur2(key.getBytes(StandardCharsets.UTF_8))) % partitions;
    }
}
