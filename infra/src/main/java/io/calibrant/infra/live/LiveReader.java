package io.calibrant.infra.live;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.reading.TopicRecord;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Reads what can be watched, from the beginning of the topics and on, through outages of the broker and the registry. A
 * record that cannot be read is reported and skipped. Not thread-safe.
 */
public final class LiveReader implements AutoCloseable {
    private final TopicReader reader;

    /** Read and not handed on yet. */
    private final Deque<Pending> pending = new ArrayDeque<>();

    /**
     * A record to hand on.
     *
     * @param place topic, partition and offset; empty for a line about a record
     * @param take hands it on
     */
    private record Pending(String place, Consumer<LiveRecords> take) {}

    private interface Taking<V> {
        void take(LiveRecords records, TopicRecord<V> record);
    }

    private LiveReader(Connection connection, boolean everything, Consumer<String> outages) {
        Topics topics = connection.topics();
        TopicReading reading = TopicReading.of(connection)
                .badRecords(line -> pending.add(new Pending("", to -> to.unreadable(line))))
                .throughOutages(outages);
        add(
                reading,
                topics.runs(),
                Run.class,
                true,
                (to, record) -> to.run(record.key(), record.value(), record.timestamp()));
        add(reading, topics.progress(), Progress.class, false, (to, record) -> to.progress(record.value()));
        add(
                reading,
                topics.factorUpdates(),
                FactorUpdate.class,
                false,
                (to, record) -> to.factors(record.value(), record.timestamp()));
        add(
                reading,
                topics.posteriors(),
                Posterior.class,
                true,
                (to, record) -> to.posterior(record.key(), record.value(), record.timestamp()));
        add(
                reading,
                topics.calibration(),
                CalibrationMetrics.class,
                true,
                (to, record) -> to.calibration(record.key(), record.value()));
        if (everything) {
            add(
                    reading,
                    topics.answers(),
                    Answer.class,
                    false,
                    (to, record) -> to.answer(record.value(), record.timestamp(), record.partition(), record.offset()));
            reading.bytes(topics.questions(), this::question);
            reading.bytes(topics.fitterDeadLetters(), this::deadLetter);
            reading.bytes(topics.scorerDeadLetters(), this::deadLetter);
            reading.awaitingTopics();
        }
        reader = reading.follow();
    }

    /**
     * Of runs: what they are, how training goes, factors, posteriors, and how good their answers are.
     *
     * @param outages called once when the broker or the registry is away, and once when it is back
     * @throws IllegalStateException naming the topics that are missing
     */
    public static LiveReader ofRuns(Connection connection, Consumer<String> outages) {
        return new LiveReader(connection, false, outages);
    }

    /**
     * Of everything that can be watched: questions, answers and dead letters, too. Topics that are missing are read
     * once they are there.
     */
    public static LiveReader ofEverything(Connection connection, Consumer<String> outages) {
        return new LiveReader(connection, true, outages);
    }

    private <V extends SpecificRecord> void add(
            TopicReading reading, String topic, Class<V> type, boolean tombstones, Taking<V> taking) {
        reading.records(topic, type, record -> {
            if (record.value() != null || tombstones) {
                pending.add(new Pending(
                        place(record.topic(), record.partition(), record.offset()), to -> taking.take(to, record)));
            }
        });
    }

    /** Where a question is, not what it says: that is read again when somebody wants to see it. */
    private void question(ConsumerRecord<byte[], byte[]> record) {
        if (record.key() != null && record.key().length <= QuestionPlaces.LONGEST_KEY) {
            String key = TopicRecord.key(record);
            int partition = record.partition();
            long offset = record.offset();
            // Not the record: its text is not kept.
            pending.add(
                    new Pending(place(record.topic(), partition, offset), to -> to.question(key, partition, offset)));
        }
    }

    private void deadLetter(ConsumerRecord<byte[], byte[]> record) {
        DeadLetter letter = DeadLetter.of(record);
        pending.add(
                new Pending(place(record.topic(), record.partition(), record.offset()), to -> to.deadLetter(letter)));
    }

    private static String place(String topic, int partition, long offset) {
        return topic + " partition " + partition + " offset " + offset;
    }

    /**
     * Hands on what has come, waiting for it if there is nothing yet.
     *
     * @return how many records those were
     */
    public int poll(Duration patience, LiveRecords records) {
        fetch(patience);
        return handOn(records);
    }

    /** The first half of {@link #poll}: waits for records, decodes and keeps them. */
    public void fetch(Duration patience) {
        if (pending.isEmpty()) {
            reader.poll(patience);
        }
    }

    /**
     * The second half of {@link #poll}: hands on what is kept; returns how many records those were. Never waits. A
     * record that cannot be taken is told as unreadable, so that one record of a stranger does not end the reading.
     */
    public int handOn(LiveRecords records) {
        int taken = pending.size();
        while (!pending.isEmpty()) {
            handOn(pending.remove(), records);
        }
        return taken;
    }

    private static void handOn(Pending next, LiveRecords records) {
        try {
            next.take.accept(records);
        } catch (RuntimeException e) {
            if (next.place.isEmpty()) {
                throw e;
            }
            records.unreadable(next.place + ": " + e);
        }
    }

    /** Whether everything has been handed on that was there at the start. */
    public boolean caughtUp() {
        return pending.isEmpty() && reader.hasReachedTheEnd();
    }

    /** Who does not answer at present, in one line with the address; empty while all is well. */
    public String problem() {
        return reader.problem();
    }

    /** Topics that are not there yet. */
    public Set<String> missing() {
        return reader.missing();
    }

    @Override
    public void close() {
        reader.close();
    }
}
