package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Decodes the values of a topic with the connection's deserializer, and tells bad records from a registry that is away,
 * whichever class of deserializer is configured.
 *
 * @param <V> the value
 */
public final class RecordDecoder<V extends SpecificRecord> implements AutoCloseable {
    private final Deserializer<V> deserializer;

    /** A decoder of one type of record. */
    public RecordDecoder(Connection connection, Class<V> type) {
        deserializer = connection.deserializer(type);
    }

    /** Decodes one value; never throws for what the record or the registry is. */
    public ReadResult<V> decode(ConsumerRecord<?, byte[]> record) {
        try {
            return new ReadResult.Read<>(deserializer.deserialize(record.topic(), record.headers(), record.value()));
        } catch (RegistryUnavailableException e) {
            return new ReadResult.NotNow<>(e);
        } catch (BadRecordException e) {
            return new ReadResult.Bad<>(e.getMessage());
        }
    }

    @Override
    public void close() {
        deserializer.close();
    }
}
