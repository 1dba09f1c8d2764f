package io.calibrant.fitter.topology;

import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Passes each record of a repartition topic on once. What it holds are differences: read a second time, as after the
 * consumer group's offsets were set back, they would be added a second time. So the offset that comes next is part of
 * the state, and is committed with what was added.
 */
final class CountedOnce<V> implements FixedKeyProcessor<String, V, V> {
    private static final String NEXT = "next";

    private final String fit;
    private FixedKeyProcessorContext<String, V> context;
    private KeyValueStore<String, Long> offsets;

    CountedOnce(String fit) {
        this.fit = fit;
    }

    @Override
    public void init(FixedKeyProcessorContext<String, V> context) {
        this.context = context;
        offsets = context.getStateStore(StoreNames.COUNTED);
    }

    @Override
    public void process(FixedKeyRecord<String, V> record) {
        RecordMetadata at = context.recordMetadata().orElseThrow();
        Long next = offsets.get(NEXT);
        if (next != null && at.offset() < next) {
            throw new StateMismatchException("topic " + at.topic() + ", partition " + at.partition() + ": the offset of"
                    + " the consumer group went back from " + next + " to " + at.offset() + ", and what follows is"
                    + " counted already: set it to " + next + " again, or delete the fit with 'calibrant fits --delete "
                    + fit + " --force' and start it anew");
        }
        offsets.put(NEXT, at.offset() + 1);
        context.forward(record);
    }
}
