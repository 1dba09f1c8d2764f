package io.calibrant.fitter.topology;

import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passes each record of a repartition topic on once. What it holds are differences: read a second time, as after the
 * consumer group's offsets were set back or have expired, they would be added a second time. So the offset that comes
 * next is part of the state, and is committed with what was added: what lies before it is passed over. A topic that was
 * created anew, where offsets begin again, is found by its id before.
 */
final class CountedOnce<V> implements FixedKeyProcessor<String, V, V> {
    private static final Logger LOG = LoggerFactory.getLogger(CountedOnce.class);
    private static final String NEXT = "next";

    private FixedKeyProcessorContext<String, V> context;
    private KeyValueStore<String, Long> offsets;
    private boolean told;

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
            if (!told) {
                told = true;
                LOG.warn(
                        "topic {}, partition {}: the offset of the consumer group went back from {} to {}, as it was"
                                + " set back or has expired; what lies between is counted already and passed over",
                        at.topic(),
                        at.partition(),
                        next,
                        at.offset());
            }
            return;
        }
        offsets.put(NEXT, at.offset() + 1);
        context.forward(record);
    }
}
