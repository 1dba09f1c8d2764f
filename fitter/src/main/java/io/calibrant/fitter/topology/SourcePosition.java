package io.calibrant.fitter.topology;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/**
 * Where a record came from, in a header, as it goes through a repartition topic: so that its dead letter names the
 * topic that a user knows, and not an internal one.
 */
public record SourcePosition(String topic, int partition, long offset) {
    /** The header; its value is {@code partition offset topic}. */
    static final String HEADER = "__calibrant.source";

    static SourcePosition of(RecordMetadata metadata) {
        return new SourcePosition(metadata.topic(), metadata.partition(), metadata.offset());
    }

    /** The same headers, with this position. */
    Headers addedTo(Headers headers) {
        headers.remove(HEADER);
        return headers.add(HEADER, (partition + " " + offset + " " + topic).getBytes(StandardCharsets.UTF_8));
    }

    /** The position in the headers of a record; empty where it did not go through a repartition topic. */
    public static Optional<SourcePosition> in(Headers headers) {
        Header header = headers == null ? null : headers.lastHeader(HEADER);
        if (header == null) {
            return Optional.empty();
        }
        String[] parts = new String(header.value(), StandardCharsets.UTF_8).split(" ", 3);
        try {
            return Optional.of(new SourcePosition(parts[2], Integer.parseInt(parts[0]), Long.parseLong(parts[1])));
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            return Optional.empty(); // somebody else's header of the same name
        }
    }
}
