package io.calibrant.infra.live;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Reads what can be watched, from the beginning of the topics and on. A record that cannot be read is told of and
 * skipped; where the registry does not answer, the record is tried again. Not thread-safe.
 */
public final class LiveReader implements AutoCloseable {
    private final Connection connection;
    private final TopicTail tail;
    private final Map<String, Reading<?>> readings = new HashMap<>();
    private final Deque<ConsumerRecord<String, byte[]>> pending = new ArrayDeque<>();
    private String problem = "";

    private interface Taking<V> {
        void take(LiveRecords records, ConsumerRecord<String, byte[]> record, V value);
    }

    private record Reading<V>(Deserializer<V> deserializer, boolean tombstones, Taking<V> taking) {
        void read(LiveRecords records, ConsumerRecord<String, byte[]> record) {
            if (record.value() != null) {
                taking.take(records, record, deserializer.deserialize(record.topic(), record.value()));
            } else if (tombstones) {
                taking.take(records, record, null);
            }
        }
    }

    private LiveReader(Connection connection, boolean answers) {
        this.connection = connection;
        Topics topics = connection.topics();
        add(topics.runs(), Run.class, true, (to, record, run) -> to.run(record.key(), run));
        add(topics.progress(), Progress.class, false, (to, record, progress) -> to.progress(progress));
        add(
                topics.factorUpdates(),
                FactorUpdate.class,
                false,
                (to, record, update) -> to.factors(update, record.timestamp()));
        add(
                topics.posteriors(),
                Posterior.class,
                true,
                (to, record, posterior) -> to.posterior(record.key(), posterior, record.timestamp()));
        List<String> all = new ArrayList<>(readings.keySet());
        if (answers) {
            add(
                    topics.answers(),
                    Answer.class,
                    false,
                    (to, record, answer) -> to.answer(answer, record.timestamp(), record.partition(), record.offset()));
            add(
                    topics.calibration(),
                    CalibrationMetrics.class,
                    true,
                    (to, record, metrics) -> to.calibration(record.key(), metrics));
            all = new ArrayList<>(readings.keySet());
            all.add(topics.fitterDeadLetters());
            all.add(topics.scorerDeadLetters());
        }
        tail = new TopicTail(connection, all);
    }

    /** Of runs: what they are, how training goes, factors and posteriors. */
    public static LiveReader ofRuns(Connection connection) {
        return new LiveReader(connection, false);
    }

    /** Of everything that can be watched: runs, answers, calibration figures and dead letters, too. */
    public static LiveReader ofEverything(Connection connection) {
        return new LiveReader(connection, true);
    }

    private <V extends SpecificRecord> void add(String topic, Class<V> type, boolean tombstones, Taking<V> taking) {
        readings.put(topic, new Reading<>(connection.deserializer(type), tombstones, taking));
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

    /** The first half of {@link #poll}: waits for records, and keeps them. */
    public void fetch(Duration patience) {
        if (pending.isEmpty()) {
            tail.poll(patience).forEach(pending::add);
        }
    }

    /** The second half of {@link #poll}: hands on what is kept; returns how many records those were. */
    public int handOn(LiveRecords records) {
        int taken = 0;
        while (!pending.isEmpty()) {
            ConsumerRecord<String, byte[]> record = pending.peek();
            try {
                read(records, record);
            } catch (SerializationException e) {
                if (RegistryUnavailableException.isTransient(e)) {
                    problem = e.getMessage();
                    return taken;
                }
                records.unreadable("skipped " + record.topic() + "-" + record.partition() + " at offset "
                        + record.offset() + ": " + e.getMessage());
            }
            problem = "";
            pending.remove();
            taken++;
        }
        return taken;
    }

    private void read(LiveRecords records, ConsumerRecord<String, byte[]> record) {
        Reading<?> reading = readings.get(record.topic());
        if (reading != null) {
            reading.read(records, record);
            return;
        }
        records.deadLetter(new DeadLetter(
                record.topic(),
                record.partition(),
                record.offset(),
                record.timestamp(),
                record.key() == null ? "" : record.key(),
                DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.TOPIC, ""),
                DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.MESSAGE, "")));
    }

    /** Whether everything has been handed on that was there at the start. */
    public boolean caughtUp() {
        return pending.isEmpty() && tail.caughtUp();
    }

    /** Who does not answer at present, in one line; empty while all is well. */
    public String problem() {
        return tail.lost() ? "Kafka at " + connection.bootstrapServers() + " does not answer" : problem;
    }

    /** Topics that are not there yet. */
    public Set<String> missing() {
        return tail.missing();
    }

    @Override
    public void close() {
        readings.values().forEach(reading -> reading.deserializer().close());
        tail.close();
    }
}
