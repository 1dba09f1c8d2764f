package io.calibrant.schemas.registry;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Writes records in the registry's wire format under the subject {@code <topic>-value} (or {@code -key}). Configured
 * with Confluent's own keys: {@code schema.registry.url}, {@code auto.register.schemas} (true). Thread-safe.
 *
 * @param <T> the record
 */
public final class AvroSerializer<T extends SpecificRecord> implements Serializer<T> {
    private static final int INITIAL_BYTES = 512;
    private static final int MOST_BUFFER_BYTES = 1 << 20;

    /**
     * The buffer of a thread, kept for its next record, so that a large record is not copied while the buffer grows.
     */
    private static final ThreadLocal<ByteArrayOutputStream> BUFFER =
            ThreadLocal.withInitial(() -> new ByteArrayOutputStream(INITIAL_BYTES));

    private RegistryClient registry;
    private boolean register = true;
    private String suffix = "-value";

    /** For Kafka, which calls {@link #configure} next. */
    public AvroSerializer() {}

    @Override
    public void configure(Map<String, ?> configs, boolean isKey) {
        refuseWhatOnlyOthersDo(configs, isKey);
        registry = RegistryClient.of(configs);
        Object auto = configs.get("auto.register.schemas");
        register = auto == null || Boolean.parseBoolean(auto.toString());
        suffix = isKey ? "-key" : "-value";
    }

    /** What would write under another subject, or with another schema, must not be passed over. */
    private static void refuseWhatOnlyOthersDo(Map<String, ?> configs, boolean isKey) {
        String strategy = isKey ? "key.subject.name.strategy" : "value.subject.name.strategy";
        Object subjects = configs.get(strategy);
        if (subjects != null && !subjects.toString().endsWith("TopicNameStrategy")) {
            throw refused(strategy, "TopicNameStrategy", subjects);
        }
        for (String key : List.of("use.latest.version", "schema.reflection")) {
            Object value = configs.get(key);
            if (value != null && !value.toString().equalsIgnoreCase("false")) {
                throw refused(key, "false", value);
            }
        }
        Object id = configs.get("use.schema.id");
        if (id != null && !id.toString().equals("-1")) {
            throw refused("use.schema.id", "-1", id);
        }
    }

    private static IllegalArgumentException refused(String key, String accepted, Object value) {
        return new IllegalArgumentException(
                key + " must be " + accepted + ", got '" + value + "' (Confluent's serdes know others)");
    }

    /**
     * The bytes of a record, or null for null (a tombstone).
     *
     * @throws IncompatibleSchemaException if the registry refuses the record's schema
     * @throws RegistryUnavailableException if the registry cannot be asked
     * @throws SerializationException if a field that must be there is null
     */
    @Override
    public byte[] serialize(String topic, T data) {
        if (data == null) {
            return null;
        }
        Schema schema = data.getSchema();
        String subject = topic + suffix;
        int id = register ? registry.register(subject, schema) : registry.lookUp(subject, schema);
        ByteArrayOutputStream bytes = BUFFER.get();
        bytes.reset();
        bytes.writeBytes(WireFormat.header(id));
        try {
            BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, null);
            new SpecificDatumWriter<T>(schema, SpecificData.getForClass(data.getClass())).write(data, encoder);
            encoder.flush();
        } catch (IOException | AvroRuntimeException | NullPointerException | ClassCastException e) {
            throw new SerializationException(
                    "topic " + topic + ": cannot write " + schema.getFullName() + ": " + e.getMessage(), e);
        }
        byte[] value = bytes.toByteArray();
        if (value.length > MOST_BUFFER_BYTES) {
            BUFFER.remove();
        }
        return value;
    }
}
