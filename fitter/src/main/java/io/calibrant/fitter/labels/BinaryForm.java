package io.calibrant.fitter.labels;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/**
 * The format of what only the fitter itself reads: a byte of version, then Avro's binary encoding by hand. The records
 * are many and small, so they carry no schema, and their topics need no registry.
 */
final class BinaryForm {
    private static final byte VERSION = 1;

    private BinaryForm() {}

    /** Writes one value, never null. */
    @FunctionalInterface
    interface Writer<T> {
        void write(T value, BinaryEncoder out) throws IOException;
    }

    /** Reads what its writer wrote. */
    @FunctionalInterface
    interface Reader<T> {
        T read(BinaryDecoder in) throws IOException;
    }

    static <T> Serde<T> serde(Writer<T> writer, Reader<T> reader) {
        return Serdes.serdeFrom(
                (topic, value) -> value == null ? null : bytes(writer, value),
                (topic, bytes) -> bytes == null ? null : value(topic, bytes, reader));
    }

    private static <T> byte[] bytes(Writer<T> writer, T value) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        bytes.write(VERSION);
        BinaryEncoder out = EncoderFactory.get().directBinaryEncoder(bytes, null);
        try {
            writer.write(value, out);
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static <T> T value(String topic, byte[] bytes, Reader<T> reader) {
        if (bytes.length == 0 || bytes[0] != VERSION) {
            throw new SerializationException("topic " + topic + ": written by another version of the fitter");
        }
        try {
            return reader.read(DecoderFactory.get().binaryDecoder(bytes, 1, bytes.length - 1, null));
        } catch (IOException | RuntimeException e) {
            throw new SerializationException("topic " + topic + ": what the fitter wrote is damaged", e);
        }
    }

    /** A text, or null. */
    static void optional(String value, BinaryEncoder out) throws IOException {
        out.writeBoolean(value != null);
        if (value != null) {
            out.writeString(value);
        }
    }

    static String optional(BinaryDecoder in) throws IOException {
        return in.readBoolean() ? in.readString() : null;
    }

    static void strings(List<String> values, BinaryEncoder out) throws IOException {
        out.writeInt(values.size());
        for (String value : values) {
            out.writeString(value);
        }
    }

    static List<String> strings(BinaryDecoder in) throws IOException {
        int count = in.readInt();
        List<String> values = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            values.add(in.readString());
        }
        return List.copyOf(values);
    }

    /** Numbers, or null. */
    static void doubles(List<Double> values, BinaryEncoder out) throws IOException {
        out.writeInt(values == null ? -1 : values.size());
        if (values != null) {
            for (double value : values) {
                out.writeDouble(value);
            }
        }
    }

    static List<Double> doubles(BinaryDecoder in) throws IOException {
        int count = in.readInt();
        if (count < 0) {
            return null;
        }
        List<Double> values = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            values.add(in.readDouble());
        }
        return List.copyOf(values);
    }

    /** A number, or null. */
    static void optionalDouble(Double value, BinaryEncoder out) throws IOException {
        doubles(value == null ? null : List.of(value), out);
    }

    static Double optionalDouble(BinaryDecoder in) throws IOException {
        List<Double> value = doubles(in);
        return value == null ? null : value.get(0);
    }

    /** Whole numbers of which most are 0: only the others are written. */
    static void sparse(long[] values, BinaryEncoder out) throws IOException {
        int gap = 0;
        for (long value : values) {
            if (value == 0) {
                gap++;
            } else {
                out.writeInt(gap);
                out.writeLong(value);
                gap = 0;
            }
        }
        out.writeInt(-1);
    }

    static long[] sparse(int length, BinaryDecoder in) throws IOException {
        long[] values = new long[length];
        int at = -1;
        for (int gap = in.readInt(); gap >= 0; gap = in.readInt()) {
            at += gap + 1;
            values[at] = in.readLong();
        }
        return values;
    }
}
