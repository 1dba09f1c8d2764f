package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Decodes the values of a topic with the connection's deserializer, and tells bad records from a registry that is away,
 * whichever class of deserializer is configured. The only place that asks an exception for its class.
 *
 * @param <V> the value
 */
public final class RecordDecoder<V extends SpecificRecord> implements AutoCloseable {
    private final String registry;
    private final Deserializer<V> deserializer;

    /** A decoder of one type of record. */
    public RecordDecoder(Connection connection, Class<V> type) {
        registry = connection.schemaRegistry();
        deserializer = connection.deserializer(type);
    }

    /** Decodes one value; never throws for what the record or the registry is. */
    public ReadResult<V> decode(ConsumerRecord<?, byte[]> record) {
        try {
            return new ReadResult.Read<>(deserializer.deserialize(record.topic(), record.headers(), record.value()));
        } catch (InterruptException | WakeupException e) {
            throw e;
        } catch (RuntimeException e) {
            return saysNothingOfTheRecord(e)
                    ? new ReadResult.NotNow<>(unavailable(e))
                    : new ReadResult.Bad<>(e.getMessage() == null ? e.toString() : e.getMessage());
        }
    }

    /** Confluent's deserializers throw other exceptions of Kafka than SerializationException where access is denied. */
    private static boolean saysNothingOfTheRecord(RuntimeException e) {
        return RegistryUnavailableException.isTransient(e)
                || (e instanceof KafkaException && !(e instanceof SerializationException));
    }

    private RegistryUnavailableException unavailable(RuntimeException e) {
        if (e instanceof RegistryUnavailableException own) {
            return own; // names the address
        }
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String reason = root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
        return new RegistryUnavailableException("registry " + registry + " cannot be asked: " + reason, e);
    }

    @Override
    public void close() {
        deserializer.close();
    }
}
