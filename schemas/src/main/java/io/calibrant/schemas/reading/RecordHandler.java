package io.calibrant.schemas.reading;

import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Takes the records of a topic one by one, as bytes, and says of each what came of it. */
@FunctionalInterface
public interface RecordHandler {
    /**
     * Takes one record.
     *
     * @return {@link ReadResult.NotNow} to be given the same record again before any other; of the rest the reader only
     *     reports what is {@link ReadResult.Bad}
     */
    ReadResult<?> take(ConsumerRecord<byte[], byte[]> record);
}
