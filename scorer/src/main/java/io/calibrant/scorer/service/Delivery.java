package io.calibrant.scorer.service;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Sends the outcome of a poll and commits the offsets of its questions. Not thread-safe; confined to one thread. */
interface Delivery extends AutoCloseable {
    /**
     * Prepares the next poll. After a delivery that failed, the consumer is at the committed offsets when this returns.
     */
    void prepare();

    /**
     * Delivers the outcome of a poll.
     *
     * @param out records for any topic
     * @param offsets to commit: of each partition, the one after its last question
     * @return false if nothing is committed: the questions of the poll will be polled again, here or elsewhere
     * @throws OversizedException if records are larger than their topics take: nothing is committed, and the same poll
     *     may be delivered with others in their place
     */
    boolean deliver(List<ProducerRecord<byte[], byte[]>> out, Map<TopicPartition, OffsetAndMetadata> offsets);

    @Override
    void close();
}
