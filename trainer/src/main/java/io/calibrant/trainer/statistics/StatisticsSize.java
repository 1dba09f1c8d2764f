package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.CurvatureSum;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.common.serialization.Serializer;

/**
 * What statistics take on the wire, measured on the very records that {@link Publisher} sends of fine-tuning steps:
 * keys and encoded values. What Kafka puts around them (some 20 bytes a record, 61 a batch of records) is not in it.
 */
public final class StatisticsSize implements AutoCloseable {
    private final Topics topics;
    private final Serializer<Statistics> serializer;

    /**
     * Records and what they take.
     *
     * @param records how many
     * @param bytes of keys and values
     */
    public record Size(long records, long bytes) {
        /** Both. */
        public Size plus(Size other) {
            return new Size(records + other.records, bytes + other.bytes);
        }
    }

    /** With the serializer of a connection; no broker is asked, the registry for the schema's id. */
    public StatisticsSize(Connection connection) {
        topics = connection.topics();
        serializer = connection.serializer(Statistics.class);
    }

    /**
     * Encodes what would be sent.
     *
     * @param run names it
     * @param rowType how rows go over the wire
     * @param batch the first of the sum's batches
     */
    public Size of(String run, RowType rowType, long batch, CurvatureSum sum) {
        Map<String, Double> some = sum.blocks().stream()
                .map(BlockStatistics::block)
                .collect(Collectors.toMap(Function.identity(), block -> 1.0));
        return Records.statistics(
                        run,
                        new Records.Source("0/1", System.currentTimeMillis(), rowType),
                        new Records.Origin(Checkpoint.LIVE, some, some),
                        new BatchRange(batch, 1, null),
                        sum)
                .map(record -> new Size(
                        1,
                        Records.key(record).getBytes(StandardCharsets.UTF_8).length
                                + serializer.serialize(topics.statistics(), record).length))
                .reduce(new Size(0, 0), Size::plus);
    }

    @Override
    public void close() {
        serializer.close();
    }
}
