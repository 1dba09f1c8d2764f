package io.calibrant.scorer.service;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** How what came of a poll goes out, and how it is remembered that the poll is done. */
interface Delivery extends AutoCloseable {
    /**
     * Makes ready for the next poll. After a delivery that failed, the consumer stands behind what was committed when
     * this returns.
     */
    void prepare();

    /**
     * Delivers the outcome of a poll.
     *
     * @param out records for any topic
     * @param offsets of the questions, behind the poll
     * @return false if the poll is not done: its questions will come again, here or elsewhere
     */
    boolean deliver(List<ProducerRecord<byte[], byte[]>> out, Map<TopicPartition, OffsetAndMetadata> offsets);

    @Override
    void close();
}
