package io.calibrant.schemas;

import java.util.List;
import java.util.Optional;
import org.apache.avro.Schema;

/**
 * What the records of one topic mean. The page {@code infra/docs/topics.md} is written from it.
 *
 * @param purpose one sentence about what the topic holds
 * @param key parts of the record key, separated by '/', for example {@code runId/checkpoint/block}
 * @param value Avro schema of the record value; empty where values of other topics are kept byte for byte
 * @param writers commands whose processes write to it; {@code you} is any client
 * @param readers commands whose processes read it; {@code you} is any client
 */
public record TopicContract(
        String purpose, String key, Optional<Schema> value, List<String> writers, List<String> readers) {
    public TopicContract {
        writers = List.copyOf(writers);
        readers = List.copyOf(readers);
    }

    /** A contract without writers and readers, which {@link #writtenBy} and {@link #readBy} add. */
    static TopicContract of(String key, Schema value, String purpose) {
        return new TopicContract(purpose, key, Optional.ofNullable(value), List.of(), List.of());
    }

    TopicContract writtenBy(String... commands) {
        return new TopicContract(purpose, key, value, List.of(commands), readers);
    }

    TopicContract readBy(String... commands) {
        return new TopicContract(purpose, key, value, writers, List.of(commands));
    }
}
