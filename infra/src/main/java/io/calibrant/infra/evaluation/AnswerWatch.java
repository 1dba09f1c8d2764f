package io.calibrant.infra.evaluation;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.reading.TopicRecord;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Collects the replies to questions: answers, or dead letters of the scorer with their reason. */
final class AnswerWatch implements AutoCloseable {
    private final TopicReader reader;
    private final String prefix;
    private final Predicate<Answer> wanted;
    private final Map<String, Answer> answers = new HashMap<>();
    private final Map<String, String> refused = new LinkedHashMap<>();
    private final boolean past;
    private final Predicate<Answer> backlog;
    private Answer last;
    private int others;

    /**
     * Starts at the beginning of both topics, or at their end.
     *
     * @param outages called once when the broker or the registry is away, and once when it is back; both are waited for
     * @param fromBeginning whether what is there already counts
     * @param run that the questions name
     * @param wanted which answers count
     * @param backlog which of the others show that the scorer goes on
     * @throws IllegalStateException if a topic does not exist
     */
    AnswerWatch(
            Connection connection,
            Consumer<String> outages,
            boolean fromBeginning,
            String run,
            Predicate<Answer> wanted,
            Predicate<Answer> backlog) {
        this.prefix = Keys.question(run, "");
        this.wanted = wanted;
        this.backlog = backlog;
        TopicReading reading = TopicReading.of(connection)
                .records(connection.topics().answers(), Answer.class, Objects::nonNull, this::answered)
                .bytes(connection.topics().scorerDeadLetters(), this::refused)
                .throughOutages(outages);
        past = fromBeginning;
        reader = (fromBeginning ? reading : reading.fromNow()).follow();
    }

    private void answered(TopicRecord<Answer> record) {
        if (record.value() == null) {
            return;
        }
        if (wanted.test(record.value())) {
            answers.put(record.key(), record.value());
            last = record.value();
        } else if (backlog.test(record.value())) {
            others++;
        }
    }

    private void refused(ConsumerRecord<byte[], byte[]> record) {
        if (record.key() != null) {
            refused.putIfAbsent(
                    id(TopicRecord.key(record)),
                    DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.MESSAGE, "no reason given"));
        }
    }

    /** A dead letter has the key of its question, in which the run stands before the id. */
    private String id(String key) {
        return key.startsWith(prefix) ? key.substring(prefix.length()) : key;
    }

    /** Polls once. */
    void poll(Duration patience) {
        reader.poll(patience);
    }

    /** Whether what was there when this began is still being read, so that what is missing may be in it. */
    boolean isReadingThePast() {
        return past && !reader.hasReachedTheEnd();
    }

    /** Whether the broker or the registry is away, so that nothing can come. */
    boolean isHeldUp() {
        return !reader.problem().isEmpty();
    }

    /** The number of answers of the backlog, and of all refusals: they show that the scorer goes on. */
    int others() {
        return others + refused.size();
    }

    /** The wanted answer that came last; null for none. */
    Answer last() {
        return last;
    }

    /** The newest wanted answer by question id; live. */
    Map<String, Answer> answers() {
        return answers;
    }

    /** Reasons of dead letters by question id; live. */
    Map<String, String> refused() {
        return refused;
    }

    @Override
    public void close() {
        reader.close();
    }
}
