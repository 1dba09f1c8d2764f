package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.live.DeadLetter;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.text.Printable;
import io.calibrant.schemas.text.Secrets;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/** All that a dead letter says, as JSON: its headers, and the head of its value as text and as hexadecimal. */
final class LetterDetails {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int HEADERS = 40;
    private static final int HEADER_TEXT = 8000;
    private static final int BYTES = 2048;
    private static final int AHEAD = 4;
    private static final int BYTES_IN_A_LINE = 16;

    private LetterDetails() {}

    static ObjectNode of(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode object = JSON.createObjectNode();
        DeadLetter letter = DeadLetter.of(record);
        object.put("topic", letter.topic());
        object.put("partition", letter.partition());
        object.put("offset", letter.offset());
        object.put("time", letter.time());
        object.put("key", record.key() == null ? null : letter.key());
        object.put("reason", letter.reason());
        object.put("origin", letter.origin());
        object.put(
                "originPartition",
                Printable.message(
                        DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.PARTITION, ""), Printable.NAME));
        object.put(
                "originOffset",
                Printable.message(
                        DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.OFFSET, ""), Printable.NAME));
        ArrayNode headers = object.putArray("headers");
        int count = 0;
        for (Header header : record.headers()) {
            if (count++ < HEADERS) {
                String name = Printable.name(header.key());
                String value = header.value() == null ? null : text(header.value());
                headers.addObject().put("name", name).put("value", value == null ? null : Secrets.masked(name, value));
            }
        }
        object.put("headersLeftOut", Math.max(0, count - HEADERS));
        value(object, record);
        return object;
    }

    /** The value as it was received, where the letter has it in base64. */
    private static void value(ObjectNode object, ConsumerRecord<byte[], byte[]> record) {
        byte[] value = record.value();
        if (value == null) {
            object.putNull("bytes");
            return;
        }
        int bytes = value.length;
        // Longer than what is shown: an address that is cut before its host does not look like one with credentials.
        byte[] head = Arrays.copyOf(value, Math.min(value.length, AHEAD * BYTES));
        if (DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.VALUE_ENCODING, "")
                .equals("base64")) {
            try {
                boolean cut = head.length < value.length;
                head = Base64.getDecoder().decode(cut ? Arrays.copyOf(head, head.length / 4 * 4) : head);
                bytes = decodedLength(value);
                object.put("decoded", true);
            } catch (IllegalArgumentException e) {
                // It is none: shown as it stands.
            }
        }
        object.put("bytes", bytes);
        byte[] shown = Arrays.copyOf(head, Math.min(head.length, BYTES));
        object.put("shown", shown.length);
        String text = new String(head, StandardCharsets.UTF_8);
        String masked = Secrets.inText(text);
        object.put("text", Printable.lines(masked, BYTES));
        // Bytes cannot be masked one by one: where there are credentials among them, only the text is shown.
        object.put("hex", masked.equals(text) ? hex(shown) : null);
    }

    /** Three bytes of every four characters; those at the end that only fill up are none. */
    private static int decodedLength(byte[] base64) {
        int length = base64.length;
        while (length > 0 && base64[length - 1] == '=') {
            length--;
        }
        return (int) (length * 3L / 4);
    }

    /** Masked before it is cut. */
    private static String text(byte[] header) {
        int length = Math.min(header.length, AHEAD * HEADER_TEXT);
        String masked = Secrets.inText(new String(header, 0, length, StandardCharsets.UTF_8));
        return Printable.lines(masked, HEADER_TEXT);
    }

    /** Offset, bytes and printable characters, as {@code hexdump -C} writes them. */
    static String hex(byte[] bytes) {
        StringBuilder lines = new StringBuilder();
        for (int start = 0; start < bytes.length; start += BYTES_IN_A_LINE) {
            StringBuilder characters = new StringBuilder();
            lines.append(String.format("%08x ", start));
            for (int i = start; i < start + BYTES_IN_A_LINE; i++) {
                boolean inside = i < bytes.length;
                lines.append(inside ? String.format(" %02x", bytes[i]) : "   ");
                if (inside) {
                    characters.append(bytes[i] >= ' ' && bytes[i] < 0x7f ? (char) bytes[i] : '.');
                }
            }
            lines.append("  |").append(characters).append("|\n");
        }
        return lines.toString();
    }
}
