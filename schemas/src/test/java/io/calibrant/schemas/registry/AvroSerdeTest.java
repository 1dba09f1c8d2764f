package io.calibrant.schemas.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.DeadLetters;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class AvroSerdeTest {
    private final Connection connection = Connection.to("localhost:9092", "mock://" + UUID.randomUUID());
    private final Serializer<Question> serializer = connection.serializer(Question.class);
    private final Deserializer<Question> deserializer = connection.deserializer(Question.class);
    private final Question question = new Question(
            "Wie groß? \u6f22\uFFFD",
            List.of(new Choice("A", "1"), new Choice("B", "2")),
            null,
            Purpose.VALIDATION,
            "run",
            null,
            null,
            null,
            null);

    @Test
    void shouldReadBackWhatItWrote() {
        byte[] bytes = serializer.serialize("questions", question);
        assertThat(bytes[0]).isZero();
        assertThat(deserializer.deserialize("questions", bytes)).isEqualTo(question);
        assertThat(connection.serde(Question.class).deserializer().deserialize("questions", bytes))
                .isEqualTo(question);
    }

    @Test
    void shouldWriteTheSameBytesWhateverTheThreadHasWrittenBefore() throws Exception {
        Serializer<AdapterBlock> blocks = connection.serializer(AdapterBlock.class);
        for (int length : new int[] {3, 300_000, 5, 2_000_000, 7}) {
            AdapterBlock block = AdapterBlock.newBuilder()
                    .setRunId("r")
                    .setCheckpoint("c")
                    .setBlock("b")
                    .setWeight(Tensors.of(new float[length], length))
                    .build();
            ByteArrayOutputStream fresh = new ByteArrayOutputStream();
            BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(fresh, null);
            new GenericDatumWriter<AdapterBlock>(block.getSchema()).write(block, encoder);
            byte[] bytes = blocks.serialize("adapters", block);
            assertThat(Arrays.copyOfRange(bytes, 5, bytes.length)).isEqualTo(fresh.toByteArray());
            assertThat(bytes[0]).isZero();
        }
    }

    @Test
    void shouldReadBackTimesAndTensors() {
        Progress progress = Progress.newBuilder()
                .setRunId("r")
                .setTimestamp(Instant.ofEpochMilli(1_234_567_890_123L))
                .build();
        AdapterBlock block = AdapterBlock.newBuilder()
                .setRunId("r")
                .setCheckpoint("step-1")
                .setBlock("b")
                .setWeight(Tensors.of(new float[] {1, -2, 3, 4, 5, 6}, 2, 3))
                .build();
        assertThat(roundTrip(Progress.class, progress)).isEqualTo(progress);
        AdapterBlock read = roundTrip(AdapterBlock.class, block);
        assertThat(read).isEqualTo(block);
        assertThat(Tensors.floats(read.getWeight())).containsExactly(1, -2, 3, 4, 5, 6);
    }

    @Test
    void shouldNotCopyTensors() {
        byte[] bytes = connection
                .serializer(AdapterBlock.class)
                .serialize(
                        "adapters",
                        AdapterBlock.newBuilder()
                                .setRunId("r")
                                .setCheckpoint("c")
                                .setBlock("b")
                                .setWeight(Tensors.of(new float[] {1, -2, 3}, 3))
                                .build());
        AdapterBlock read = connection.deserializer(AdapterBlock.class).deserialize("adapters", bytes);
        assertThat(read.getWeight().getData().array()).isSameAs(bytes);
        assertThat(Tensors.floats(read.getWeight())).containsExactly(1, -2, 3);
    }

    @Test
    void shouldReadTimesThatMayBeMissing() {
        MethodMetrics none = new MethodMetrics(0L, 0.0, 0.0, 0.0, 0.0, 0.0, List.of());
        CalibrationMetrics window = CalibrationMetrics.newBuilder()
                .setRunId("r")
                .setCheckpoint("step-1")
                .setFit("f")
                .setWindow("w")
                .setWindowStart(Instant.ofEpochMilli(1_234_567_890_123L))
                .setN(0)
                .setMap(none)
                .setCalibrated(none)
                .build();
        CalibrationMetrics read = roundTrip(CalibrationMetrics.class, window);
        assertThat(read).isEqualTo(window);
        assertThat(read.getWindowStart()).isEqualTo(window.getWindowStart());
        assertThat(read.getWindowEnd()).isNull();
    }

    private <T extends SpecificRecord> T roundTrip(Class<T> type, T value) {
        byte[] bytes = connection.serializer(type).serialize(type.getSimpleName(), value);
        return connection.deserializer(type).deserialize("t", bytes);
    }

    @Test
    void shouldPassTombstonesThrough() {
        assertThat(serializer.serialize("questions", null)).isNull();
        assertThat(deserializer.deserialize("questions", null)).isNull();
    }

    @Test
    void shouldNameTheTopicWhenARequiredFieldIsMissing() {
        Question broken = new Question();
        broken.setChoices(List.of());
        broken.setPurpose(Purpose.ANSWER);
        assertThatThrownBy(() -> serializer.serialize("questions", broken))
                .isInstanceOf(SerializationException.class)
                .hasMessageContaining("topic questions: cannot write io.calibrant.schemas.avro.Question");
    }

    @Test
    void shouldRefuseEveryTruncationAsPermanent() {
        byte[] bytes = serializer.serialize("questions", question);
        for (int length = 0; length < bytes.length; length++) {
            byte[] truncated = Arrays.copyOf(bytes, length);
            assertThatThrownBy(() -> deserializer.deserialize("questions", truncated))
                    .as("%d of %d bytes", length, bytes.length)
                    .isInstanceOf(BadRecordException.class)
                    .hasMessageStartingWith("topic questions: ");
        }
    }

    @Test
    void shouldRefuseBytesAfterTheRecord() {
        byte[] bytes = serializer.serialize("questions", question);
        assertBad(Arrays.copyOf(bytes, bytes.length + 1), "bytes are left after the end of the record");
    }

    @Test
    void shouldRefuseWhatIsLargerThanAnyTopicTakes() {
        // A compressed record can be: 100 MB of zeros are 100 kB on the wire.
        assertBad(new byte[WireFormat.MOST_BYTES + 1], "value of 67108865 bytes, expected 67108864 at most");
    }

    @Test
    void shouldRefuseWrongMagicBytes() {
        byte[] bytes = serializer.serialize("questions", question);
        bytes[0] = 1;
        assertBad(bytes, "magic byte 0x01: schema GUIDs are not supported");
        bytes[0] = '{';
        assertBad(bytes, "magic byte 0x7b, expected 0x00");
    }

    @Test
    void shouldRefuseAnUnknownSchemaId() {
        byte[] bytes = serializer.serialize("questions", question);
        bytes[3] = 77;
        assertBad(bytes, "is not known to the registry");
    }

    @Test
    void shouldRefuseASchemaOfAnotherRecord() {
        byte[] label = connection.serializer(Label.class).serialize("labels", new Label("A", null, null));
        assertBad(label, "another record");
    }

    @Test
    void shouldRefuseStringsThatAreNotUtf8() {
        byte[] bytes = serializer.serialize("questions", question);
        int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("Wie");
        bytes[at] = (byte) 0xFF;
        assertBad(bytes, "not valid UTF-8");
    }

    @Test
    void shouldNotAllocateWhatALyingLengthAsksFor() throws IOException {
        byte[] bytes = serializer.serialize("questions", question);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(bytes, 0, WireFormat.HEADER_BYTES);
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        encoder.writeLong(Integer.MAX_VALUE - 16);
        encoder.flush();
        assertBad(out.toByteArray(), "truncated");
    }

    /** A label whose writer has one more field, in the wire format. */
    private byte[] label(String moreField, byte[] body) {
        Schema theirs = new Schema.Parser()
                .parse("{\"type\":\"record\",\"name\":\"Label\",\"namespace\":\"io.calibrant.schemas.avro\","
                        + "\"fields\":["
                        + "{\"name\":\"label\",\"type\":\"string\"}," + moreField + "]}");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(WireFormat.header(connection.registry().register(UUID.randomUUID() + "-value", theirs)));
        out.writeBytes(new byte[] {2, 'A'});
        out.writeBytes(body);
        return out.toByteArray();
    }

    private void assertBadLabel(byte[] bytes, String message) {
        assertThatThrownBy(() -> connection.deserializer(Label.class).deserialize("labels", bytes))
                .isInstanceOf(BadRecordException.class)
                .hasMessageStartingWith("topic labels: ")
                .hasMessageContaining(message);
    }

    private static byte[] longs(long... values) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        for (long value : values) {
            encoder.writeLong(value);
        }
        encoder.flush();
        return out.toByteArray();
    }

    @Test
    @Timeout(10)
    void shouldNotCountItemsThatHaveNoBytes() throws IOException {
        long billion = 1 << 30;
        String empty = "{\"type\":\"record\",\"name\":\"E\",\"fields\":[]}";
        for (String items : new String[] {"\"null\"", empty}) {
            String array = "{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":" + items + "},\"default\":[]}";
            assertBadLabel(
                    label(array, longs(billion, billion, billion, billion, 0)), "claim 1073741824 items or more");
            long[] blocks = new long[3000];
            Arrays.fill(blocks, 60_000);
            blocks[blocks.length - 1] = 0;
            assertBadLabel(label(array, longs(blocks)), "items or more in a value of");
            assertThat(connection
                            .deserializer(Label.class)
                            .deserialize("labels", label(array, longs(1000, 0)))
                            .getLabel())
                    .isEqualTo("A");
        }
    }

    @Test
    void shouldRefuseWhatIsNestedMoreDeeplyThanCanBeRead() {
        byte[] body = new byte[300_000];
        for (int i = 0; i < body.length; i += 3) {
            body[i] = 2; // an array of one
            body[i + 1] = 2; // that is a label
            body[i + 2] = 'A';
        }
        assertBadLabel(
                label("{\"name\":\"inner\",\"type\":{\"type\":\"array\",\"items\":\"Label\"},\"default\":[]}", body),
                "nested more deeply than can be read");
    }

    @Test
    void shouldNotHandOnAsItCameWhatBringsDownItsReader() throws IOException {
        long billion = 1 << 30;
        byte[] value = label(
                "{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":\"null\"},\"default\":[]}",
                longs(billion, billion, billion, billion, 0));
        RuntimeException refused = catchThrowableOfType(
                RuntimeException.class,
                () -> connection.deserializer(Label.class).deserialize("labels", value));
        DeadLetters letters = new DeadLetters("letters", 100_000);
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>("labels", 0, 0, null, value);

        ProducerRecord<byte[], byte[]> letter = letters.of(record, new IllegalStateException("wrapped", refused));
        assertThat(letter.value()[0]).as("no magic byte").isNotZero();
        assertThat(Base64.getDecoder().decode(letter.value())).isEqualTo(value);
        assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.VALUE_ENCODING, ""))
                .isEqualTo("base64");

        ProducerRecord<byte[], byte[]> other = letters.of(record, new BadRecordException("bad in another way"));
        assertThat(other.value()).isSameAs(value);
        assertThat(other.headers().lastHeader(DeadLetterHeaders.VALUE_ENCODING)).isNull();
    }

    @Test
    void shouldReadBytesWhereTheReaderWantsAString() throws IOException {
        Schema theirs = new Schema.Parser()
                .parse("{\"type\":\"record\",\"name\":\"Label\",\"namespace\":\"io.calibrant.schemas.avro\","
                        + "\"fields\":["
                        + "{\"name\":\"label\",\"type\":\"bytes\"}]}");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(WireFormat.header(connection.registry().register("bytes-value", theirs)));
        out.writeBytes(new byte[] {2, 'B'});
        assertThat(connection.deserializer(Label.class).deserialize("labels", out.toByteArray()))
                .isEqualTo(new Label("B", null, null));
        out.reset();
        out.writeBytes(WireFormat.header(connection.registry().register("bytes-value", theirs)));
        out.writeBytes(new byte[] {2, (byte) 0xff});
        assertBadLabel(out.toByteArray(), "not valid UTF-8");
    }

    @Test
    void shouldCallNoValueTruncatedThatItsReaderCannotUse() throws IOException {
        Schema theirs = SchemaBuilder.record("Label")
                .namespace("io.calibrant.schemas.avro")
                .fields()
                .requiredLong("label")
                .endRecord();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(WireFormat.header(connection.registry().register("long-value", theirs)));
        out.writeBytes(longs(7));
        assertBadLabel(out.toByteArray(), "value cannot be read from its schema (id ");
    }

    @Test
    void shouldShowTextOfARecordEscapedAndCut() {
        assertThat(new BadRecordException("run 'a\u001b[2J\nforged' " + "x".repeat(100_000)))
                .hasMessageStartingWith("run 'a\\u001b[2J\\u000aforged' xxx")
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1100));
        assertThat(new RegistryUnavailableException("registry http://u:hush@r: no"))
                .hasMessage("registry http://********@r: no");
    }

    @Test
    void shouldResolveAWriterOfAnEarlierOrLaterSchema() throws IOException {
        // given a client in another language that knows two fields of ours and has one of its own
        Schema theirs = SchemaBuilder.record("Question")
                .namespace("io.calibrant.schemas.avro")
                .fields()
                .name("colour")
                .type()
                .stringType()
                .stringDefault("")
                .name("stem")
                .type()
                .stringType()
                .stringDefault("")
                .endRecord();
        int id = connection.registry().register("other-value", theirs);
        GenericRecord written = new GenericData.Record(theirs);
        written.put("colour", "red");
        written.put("stem", "Who?");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(WireFormat.header(id));
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        new GenericDatumWriter<GenericRecord>(theirs).write(written, encoder);
        encoder.flush();

        Question read = deserializer.deserialize("questions", out.toByteArray());

        assertThat(read).isEqualTo(new Question("Who?", List.of(), null, Purpose.ANSWER, null, null, null, null, null));
    }

    @Test
    void shouldFindTheRecordClassByItsWriterWithoutBeingTold() {
        byte[] bytes = serializer.serialize("questions", question);
        try (AvroDeserializer<Question> untold = new AvroDeserializer<>()) {
            untold.configure(Map.of("schema.registry.url", connection.schemaRegistry()), false);
            assertThat(untold.deserialize("questions", bytes)).isEqualTo(question);
        }
    }

    private void assertBad(byte[] bytes, String message) {
        assertThatThrownBy(() -> deserializer.deserialize("questions", bytes))
                .isInstanceOf(BadRecordException.class)
                .hasMessageStartingWith("topic questions: ")
                .hasMessageContaining(message)
                .matches(e -> !RegistryUnavailableException.isTransient(e));
    }
}
