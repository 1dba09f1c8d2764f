package io.calibrant.fitter.topology;

import io.calibrant.schemas.registry.BadRecordException;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Passes on the records of an input that lie in the partition of their key, and refuses those whose timestamp is none.
 * What lies elsewhere is left to {@link Elsewhere}.
 */
final class InPlace<V> implements Processor<String, V, String, V> {
    /** In place of a number of partitions: every partition is the right one. */
    static final int ANYWHERE = 0;

    private final int partitions;
    private ProcessorContext<String, V> context;

    /** @param partitions of the input's topic, or {@link #ANYWHERE} */
    InPlace(int partitions) {
        this.partitions = partitions;
    }

    @Override
    public void init(ProcessorContext<String, V> context) {
        this.context = context;
    }

    @Override
    public void process(Record<String, V> record) {
        String refusal = CheckedTimestamps.refusal(record.headers());
        if (refusal != null) {
            throw new BadRecordException(refusal);
        }
        if (partitions == ANYWHERE || Partitioning.isInPlace(record, context, partitions)) {
            context.forward(record);
        }
    }
}
