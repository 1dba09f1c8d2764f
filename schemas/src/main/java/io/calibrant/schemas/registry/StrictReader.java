package io.calibrant.schemas.registry;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.apache.avro.Schema;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.io.Decoder;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.util.Utf8;

/** Avro's reader, but text that is not UTF-8 is an error, which Avro replaces silently; bytes are views. */
final class StrictReader<T> extends SpecificDatumReader<T> {
    private static final char REPLACEMENT = '\uFFFD';

    // Avro's fast reader would not come by readString.
    private static final SpecificData WITHOUT_FAST_READER = new SpecificData();

    static {
        WITHOUT_FAST_READER.setFastReaderEnabled(false);
        // The generated records bring this for plain fields; inside a union Avro asks the data model.
        WITHOUT_FAST_READER.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
    }

    StrictReader(Schema writer, Schema reader) {
        super(writer, reader, WITHOUT_FAST_READER);
    }

    @Override
    protected Object readBytes(Object old, Decoder in) throws IOException {
        return in.readBytes(InPlaceDecoder.VIEW);
    }

    @Override
    protected Object readString(Object old, Schema expected, Decoder in) throws IOException {
        Utf8 utf8 = in.readString(null);
        String text = new String(utf8.getBytes(), 0, utf8.getByteLength(), StandardCharsets.UTF_8);
        // Only a text with a replacement character can have been malformed; it may also have come with one.
        if (text.indexOf(REPLACEMENT) >= 0) {
            try {
                StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8.getBytes(), 0, utf8.getByteLength()));
            } catch (CharacterCodingException e) {
                throw new BadRecordException("a string is not valid UTF-8", e);
            }
        }
        return text;
    }
}
