package io.calibrant.schemas.registry;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.avro.AvroTypeException;
import org.apache.avro.Schema;
import org.apache.avro.io.DatumReader;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Reads records in the registry's wire format, from any schema that Avro resolves to the record's own. Configured with
 * Confluent's own keys: {@code schema.registry.url} and {@code specific.avro.value.type} (or {@code .key.}), the
 * record's class; without it the class is found by the writer's name. Thread-safe.
 *
 * @param <T> the record
 */
public final class AvroDeserializer<T extends SpecificRecord> implements Deserializer<T> {
    static {
        TrustedRecords.trust();
    }

    private RegistryClient registry;
    private Schema readerSchema;
    private final Map<Integer, DatumReader<T>> readers = new ConcurrentHashMap<>();

    /** For Kafka, which calls {@link #configure} next. */
    public AvroDeserializer() {}

    @Override
    public void configure(Map<String, ?> configs, boolean isKey) {
        registry = RegistryClient.of(configs);
        String key = isKey ? "specific.avro.key.type" : "specific.avro.value.type";
        Object type = configs.get(key);
        readerSchema = type == null ? null : SpecificData.get().getSchema(recordClass(key, type));
    }

    /**
     * The record of a value, or null for null (a tombstone). Its {@code bytes} are views of the value, which is not
     * copied: neither may be changed.
     *
     * @throws BadRecordException if no retry will make the value readable; exactly these belong in a dead-letter topic
     * @throws RegistryUnavailableException if the registry cannot be asked
     */
    @Override
    public T deserialize(String topic, byte[] data) {
        if (data == null) {
            return null;
        }
        try {
            int id = WireFormat.schemaId(data);
            DatumReader<T> reader = readers.get(id);
            if (reader == null) {
                reader = reader(id, registry.byId(id));
                readers.put(id, reader);
            }
            return read(id, reader, data);
        } catch (BadRecordException e) {
            throw e.of("topic " + topic);
        }
    }

    /** Whatever a value makes Avro throw says that the value is bad. */
    private static <T> T read(int id, DatumReader<T> reader, byte[] data) {
        try {
            InPlaceDecoder decoder = new InPlaceDecoder(data, WireFormat.HEADER_BYTES);
            T value = reader.read(null, decoder);
            if (!decoder.isEnd()) {
                throw new BadRecordException("bytes are left after the end of the record");
            }
            return value;
        } catch (BadRecordException e) {
            throw e;
        } catch (StackOverflowError e) {
            throw BadRecordException.dangerous(
                    "value of " + data.length + " bytes is nested more deeply than can be read (schema id " + id + ")");
        } catch (AvroTypeException e) {
            throw new BadRecordException("value cannot be read from its schema (id " + id + "): " + Reasons.of(e), e);
        } catch (IOException | RuntimeException e) {
            throw new BadRecordException(
                    "value is truncated or not of its schema (" + data.length + " bytes): " + Reasons.of(e), e);
        }
    }

    private DatumReader<T> reader(int id, Schema writer) {
        if (readerSchema != null) {
            // Avro itself would read any record as one whose fields all have defaults.
            if (writer.getType() != Schema.Type.RECORD || !writer.getName().equals(readerSchema.getName())) {
                throw new BadRecordException("schema " + writer.getFullName() + " (id " + id + ") cannot be read as "
                        + readerSchema.getFullName() + ": another record");
            }
            return new StrictReader<>(writer, readerSchema);
        }
        Class<?> type = SpecificData.get().getClass(writer);
        if (type == null || !SpecificRecord.class.isAssignableFrom(type)) {
            throw new BadRecordException("no record class here for schema " + writer.getFullName());
        }
        return new StrictReader<>(writer, SpecificData.get().getSchema(type));
    }

    private static Class<?> recordClass(String key, Object type) {
        if (type instanceof Class<?> given) {
            return given;
        }
        try {
            return Class.forName(type.toString());
        } catch (ClassNotFoundException e) {
            throw new IllegalArgumentException(
                    key + " must be the name of an Avro record class, got '" + type + "'", e);
        }
    }
}
