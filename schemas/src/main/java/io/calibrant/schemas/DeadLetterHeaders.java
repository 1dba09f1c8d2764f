package io.calibrant.schemas;

import io.calibrant.schemas.text.Printable;
import io.calibrant.schemas.text.Secrets;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;

/**
 * The headers of a dead letter: those that Kafka Streams writes by its names (KIP-1034), and ours beside them. Their
 * values are UTF-8.
 */
public final class DeadLetterHeaders {
    public static final String EXCEPTION = "__streams.errors.exception";
    /** The reason, for people. */
    public static final String MESSAGE = "__streams.errors.message";

    public static final String STACK_TRACE = "__streams.errors.stacktrace";
    /** Topic, partition and offset that the record came on. */
    public static final String TOPIC = "__streams.errors.topic";

    public static final String PARTITION = "__streams.errors.partition";
    public static final String OFFSET = "__streams.errors.offset";

    /** The record's own timestamp, milliseconds. */
    public static final String TIMESTAMP = "calibrant.timestamp";

    /** Of a value that does not fit into the letter: its size, bytes. The letter has its head. */
    public static final String VALUE_BYTES = "calibrant.value.bytes";

    /** Of a value that does not fit: its digest, hexadecimal. */
    public static final String VALUE_SHA256 = "calibrant.value.sha256";

    /**
     * {@code base64} where the letter has the value as text of this encoding: a value that claims gigabytes of items or
     * levels without end is not given to readers that would try to decode it.
     */
    public static final String VALUE_ENCODING = "calibrant.value.encoding";

    /** Of a key that does not fit: its size, bytes. */
    public static final String KEY_BYTES = "calibrant.key.bytes";

    /** Of a key that does not fit: its digest, hexadecimal. */
    public static final String KEY_SHA256 = "calibrant.key.sha256";

    private DeadLetterHeaders() {}

    private static final int TRACE_CHARACTERS = 8_000;

    /** Adds a header, as it may be shown: no control characters, no secrets, and not longer than people read. */
    public static void add(Headers headers, String name, String value) {
        String shown = name.equals(STACK_TRACE)
                ? Secrets.inText(Printable.lines(value, TRACE_CHARACTERS))
                : Printable.message(value);
        headers.add(name, shown.getBytes(StandardCharsets.UTF_8));
    }

    /** The value of the last header of a name; {@code otherwise} where there is none. */
    public static String text(Headers headers, String name, String otherwise) {
        Header header = headers.lastHeader(name);
        return header == null || header.value() == null
                ? otherwise
                : new String(header.value(), StandardCharsets.UTF_8);
    }
}
