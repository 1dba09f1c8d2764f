package io.calibrant.fitter.topology;

import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Passes on the records of an input that do not lie in the partition of their key, with the position that they came
 * from. They are sent to the right one through a repartition topic. The counterpart of {@link InPlace}.
 */
final class Elsewhere<V> implements Processor<String, V, String, V> {
    private final int partitions;
    private ProcessorContext<String, V> context;

    /** @param partitions of the input's topic */
    Elsewhere(int partitions) {
        this.partitions = partitions;
    }

    @Override
    public void init(ProcessorContext<String, V> context) {
        this.context = context;
    }

    @Override
    public void process(Record<String, V> record) {
        if (CheckedTimestamps.refusal(record.headers()) == null
                && !Partitioning.isInPlace(record, context, partitions)) {
            context.recordMetadata()
                    .ifPresent(from -> context.forward(
                            record.withHeaders(SourcePosition.of(from).addedTo(new RecordHeaders(record.headers())))));
        }
    }
}
