package io.calibrant.testing;

import io.calibrant.schemas.Connection;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A producer of a later version: its schema has a field more, and an id that no reader has asked for yet. */
public final class NewerSchema {
    private static final int HEADER = 5;

    private NewerSchema() {}

    /** Sends a record with that schema; {@code field} makes it another one each time. */
    public static <V extends SpecificRecord> void send(
            Connection connection, String topic, String key, Class<V> type, V value, String field) throws Exception {
        Schema ours = value.getSchema();
        List<Schema.Field> fields = new ArrayList<>();
        ours.getFields().forEach(each -> fields.add(new Schema.Field(each, each.schema())));
        Schema optional = Schema.createUnion(Schema.create(Schema.Type.NULL), Schema.create(Schema.Type.STRING));
        fields.add(new Schema.Field(field, optional, null, Schema.Field.NULL_DEFAULT_VALUE));
        Schema newer = Schema.createRecord(ours.getName(), ours.getDoc(), ours.getNamespace(), false, fields);
        int id = connection.registry().register(topic + "-value", newer);
        byte[] body;
        try (Serializer<V> serializer = connection.serializer(type)) {
            byte[] bytes = serializer.serialize(topic, value);
            body = Arrays.copyOfRange(bytes, HEADER, bytes.length);
        }
        byte[] bytes = ByteBuffer.allocate(HEADER + body.length + 1)
                .put((byte) 0)
                .putInt(id)
                .put(body)
                .put((byte) 0) // of the union, null
                .array();
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(topic, key, bytes)).get();
        }
    }
}
