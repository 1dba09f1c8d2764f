package io.calibrant.schemas.registry;

import io.calibrant.schemas.text.Secrets;
import java.util.Map;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Serializers and deserializers of others, Confluent's for example, with our own two kinds of failure: whatever they
 * throw becomes a {@link BadRecordException} that names topic and cause, or a {@link RegistryUnavailableException}. All
 * that use them need to know only these. Everything is configured already.
 *
 * @param <T> the record
 */
public final class ForeignSerde<T extends SpecificRecord> implements Serde<T> {
    private final Serde<T> serde;
    private final Class<T> type;
    private final String registry;

    /**
     * Around a serde.
     *
     * @param registry its address, for messages
     */
    public ForeignSerde(Serde<T> serde, Class<T> type, String registry) {
        this.serde = serde;
        this.type = type;
        this.registry = registry;
    }

    /** Around a deserializer; see the class. */
    public static <T extends SpecificRecord> Deserializer<T> deserializer(
            Deserializer<T> foreign, Class<T> type, String registry) {
        return new Reading<>(foreign, type, registry);
    }

    /** Around a serializer; see the class. */
    public static <T extends SpecificRecord> Serializer<T> serializer(Serializer<T> foreign, String registry) {
        return new Writing<>(foreign, registry);
    }

    @Override
    public void configure(Map<String, ?> configs, boolean isKey) {
        serde.configure(configs, isKey);
    }

    @Override
    public Serializer<T> serializer() {
        return serializer(serde.serializer(), registry);
    }

    @Override
    public Deserializer<T> deserializer() {
        return deserializer(serde.deserializer(), type, registry);
    }

    @Override
    public void close() {
        serde.close();
    }

    private static RegistryUnavailableException unavailable(String registry, RuntimeException failure) {
        return failure instanceof RegistryUnavailableException own
                ? own // names the address
                : new RegistryUnavailableException(
                        "registry " + Secrets.inText(registry) + " cannot be asked: " + Reasons.of(failure), failure);
    }

    private static final class Reading<T extends SpecificRecord> implements Deserializer<T> {
        private final Deserializer<T> foreign;
        private final Class<T> type;
        private final String registry;

        Reading(Deserializer<T> foreign, Class<T> type, String registry) {
            this.foreign = foreign;
            this.type = type;
            this.registry = registry;
        }

        @Override
        public void configure(Map<String, ?> configs, boolean isKey) {
            foreign.configure(configs, isKey);
        }

        @Override
        public T deserialize(String topic, byte[] data) {
            return deserialize(topic, null, data);
        }

        @Override
        public T deserialize(String topic, Headers headers, byte[] data) {
            if (data == null) {
                return null;
            }
            Object value;
            try {
                value = headers == null ? foreign.deserialize(topic, data) : foreign.deserialize(topic, headers, data);
            } catch (InterruptException | WakeupException e) {
                throw e;
            } catch (StackOverflowError e) {
                throw BadRecordException.dangerous("topic " + topic + ": value of " + data.length
                        + " bytes is nested more deeply than can be read");
            } catch (RuntimeException e) {
                if (RegistryUnavailableException.saysNothingOfTheRecord(e)) {
                    throw unavailable(registry, e);
                }
                throw new BadRecordException(
                        e instanceof BadRecordException ? e.getMessage() : "topic " + topic + ": " + Reasons.of(e), e);
            }
            if (!type.isInstance(value)) {
                throw new BadRecordException("topic " + topic + ": the deserializer made "
                        + (value == null ? "nothing" : value.getClass().getName()) + " of a value, expected "
                        + type.getName());
            }
            return type.cast(value);
        }

        @Override
        public void close() {
            foreign.close();
        }
    }

    private static final class Writing<T extends SpecificRecord> implements Serializer<T> {
        private final Serializer<T> foreign;
        private final String registry;

        Writing(Serializer<T> foreign, String registry) {
            this.foreign = foreign;
            this.registry = registry;
        }

        @Override
        public void configure(Map<String, ?> configs, boolean isKey) {
            foreign.configure(configs, isKey);
        }

        @Override
        public byte[] serialize(String topic, T data) {
            return serialize(topic, null, data);
        }

        @Override
        public byte[] serialize(String topic, Headers headers, T data) {
            try {
                return headers == null ? foreign.serialize(topic, data) : foreign.serialize(topic, headers, data);
            } catch (InterruptException | WakeupException e) {
                throw e;
            } catch (RuntimeException e) {
                if (RegistryUnavailableException.isTransient(e)) {
                    throw unavailable(registry, e);
                }
                throw new SerializationException("topic " + topic + ": " + Reasons.of(e), e);
            }
        }

        @Override
        public void close() {
            foreign.close();
        }
    }
}
