package io.calibrant.testing;

import io.calibrant.schemas.registry.AvroDeserializer;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.net.ConnectException;
import java.util.Map;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/** Fails as Confluent's deserializer does: an outage is a SerializationException, too, and names no address. */
public final class LikeConfluents<T extends SpecificRecord> implements Deserializer<T> {
    private final AvroDeserializer<T> ours = new AvroDeserializer<>();

    @Override
    public void configure(Map<String, ?> configs, boolean isKey) {
        ours.configure(configs, isKey);
    }

    @Override
    public T deserialize(String topic, byte[] data) {
        try {
            return ours.deserialize(topic, data);
        } catch (RegistryUnavailableException e) {
            throw new SerializationException(
                    "Error retrieving Avro value schema for id", new ConnectException("Connection refused"));
        }
    }
}
