package io.calibrant.schemas.registry;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.apache.avro.SystemLimitException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.Decoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.util.Utf8;

/**
 * Avro's own decoder with two differences. Where a {@link #VIEW} is asked for, bytes are one of the value's, where Avro
 * copies them: tensors are nearly all of a statistic or a factor. What is read this way is read-only by agreement, and
 * keeps the value's bytes in memory. And a value cannot claim more items than it has bytes for: items of no bytes would
 * cost a few bytes for billions of steps.
 */
final class InPlaceDecoder extends Decoder {
    /** Given to {@link #readBytes} for a view; Avro itself, which makes strings of bytes, wants them alone. */
    static final ByteBuffer VIEW = ByteBuffer.allocate(0);

    /** Items without bytes that a value may have. */
    private static final int EMPTY_ITEMS = 1 << 16;

    private final byte[] data;
    private final BinaryDecoder in;
    private long items;

    /** From an offset to the end. */
    InPlaceDecoder(byte[] data, int from) {
        this.data = data;
        in = DecoderFactory.get().binaryDecoder(data, from, data.length - from, null);
    }

    boolean isEnd() throws IOException {
        return in.isEnd();
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // this one, and not every empty buffer
    public ByteBuffer readBytes(ByteBuffer old) throws IOException {
        int length = SystemLimitException.checkMaxBytesLength(in.readLong());
        int remaining = in.remainingBytes();
        if (length > remaining) {
            throw new EOFException(length + " bytes expected, found " + remaining);
        }
        int start = data.length - remaining;
        in.skipFixed(length);
        return old == VIEW
                ? ByteBuffer.wrap(data, start, length).slice()
                : ByteBuffer.wrap(Arrays.copyOfRange(data, start, start + length));
    }

    private long counted(long block) {
        items += block;
        if (block < 0 || items > (long) data.length + EMPTY_ITEMS) {
            throw BadRecordException.dangerous(
                    "arrays and maps claim " + items + " items or more in a value of " + data.length + " bytes");
        }
        return block;
    }

    @Override
    public int remainingBytes() {
        return in.remainingBytes();
    }

    @Override
    public void readNull() throws IOException {
        in.readNull();
    }

    @Override
    public boolean readBoolean() throws IOException {
        return in.readBoolean();
    }

    @Override
    public int readInt() throws IOException {
        return in.readInt();
    }

    @Override
    public long readLong() throws IOException {
        return in.readLong();
    }

    @Override
    public float readFloat() throws IOException {
        return in.readFloat();
    }

    @Override
    public double readDouble() throws IOException {
        return in.readDouble();
    }

    @Override
    public Utf8 readString(Utf8 old) throws IOException {
        return in.readString(old);
    }

    @Override
    public String readString() throws IOException {
        return in.readString();
    }

    @Override
    public void skipString() throws IOException {
        in.skipString();
    }

    @Override
    public void skipBytes() throws IOException {
        in.skipBytes();
    }

    @Override
    public void readFixed(byte[] bytes, int start, int length) throws IOException {
        in.readFixed(bytes, start, length);
    }

    @Override
    public void skipFixed(int length) throws IOException {
        in.skipFixed(length);
    }

    @Override
    public int readEnum() throws IOException {
        return in.readEnum();
    }

    @Override
    public long readArrayStart() throws IOException {
        return counted(in.readArrayStart());
    }

    @Override
    public long arrayNext() throws IOException {
        return counted(in.arrayNext());
    }

    @Override
    public long skipArray() throws IOException {
        return counted(in.skipArray());
    }

    @Override
    public long readMapStart() throws IOException {
        return counted(in.readMapStart());
    }

    @Override
    public long mapNext() throws IOException {
        return counted(in.mapNext());
    }

    @Override
    public long skipMap() throws IOException {
        return counted(in.skipMap());
    }

    @Override
    public int readIndex() throws IOException {
        return in.readIndex();
    }
}
