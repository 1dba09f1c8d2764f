package io.calibrant.schemas.registry;

import java.nio.ByteBuffer;

/** The registry's wire format: byte 0x0, schema id (4 bytes, big-endian), Avro binary. */
final class WireFormat {
    static final int HEADER_BYTES = 5;

    /**
     * No topic of ours takes more, so that only a compressed record can be larger: it is refused before its numbers
     * take as much memory again.
     */
    static final int MOST_BYTES = 64 << 20;

    private static final byte MAGIC = 0x0;
    private static final byte GUID_MAGIC = 0x1;

    private WireFormat() {}

    static byte[] header(int schemaId) {
        return ByteBuffer.allocate(HEADER_BYTES).put(MAGIC).putInt(schemaId).array();
    }

    /**
     * The schema id of a value.
     *
     * @throws BadRecordException if the value does not begin with 0x0 and an id, or is too large
     */
    static int schemaId(byte[] value) {
        if (value.length > MOST_BYTES) {
            throw new BadRecordException(
                    "value of " + value.length + " bytes, expected " + MOST_BYTES + " at most, uncompressed");
        }
        if (value.length > 0 && value[0] == GUID_MAGIC) {
            throw new BadRecordException("magic byte 0x01: schema GUIDs are not supported, expected 0x00 and a 4-byte"
                    + " schema id (let the producer send schema ids)");
        }
        if (value.length > 0 && value[0] != MAGIC) {
            throw new BadRecordException("magic byte 0x%02x, expected 0x00 and a 4-byte schema id".formatted(value[0]));
        }
        if (value.length < HEADER_BYTES) {
            throw new BadRecordException("value of " + value.length
                    + " bytes is too short, expected 0x00, a 4-byte schema id and Avro binary");
        }
        return ByteBuffer.wrap(value).getInt(1);
    }
}
