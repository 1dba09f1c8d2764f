package io.calibrant.infra.live;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.reading.TopicRecord;
import java.time.Instant;
import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/** All runs as the topics have them now: their trainers, their posteriors, and when something was heard of them. */
public final class RunsOverview {
    private final LiveState state = new LiveState();
    private final Map<String, TopicRecord<Posterior>> posteriors = new TreeMap<>();

    private RunsOverview() {}

    /**
     * Reads the topics of runs, progress and posteriors to their end.
     *
     * @param badRecords hears of each record that cannot be read
     * @throws IllegalStateException naming the topics that are missing
     */
    public static RunsOverview read(Connection connection, Consumer<String> badRecords) {
        RunsOverview overview = new RunsOverview();
        Topics topics = connection.topics();
        TopicReading.of(connection)
                .records(topics.runs(), Run.class, Objects::nonNull, overview::run)
                .records(topics.progress(), Progress.class, overview::progress)
                .records(topics.posteriors(), Posterior.class, Objects::nonNull, overview::posterior)
                .badRecords(badRecords)
                .readToEnd();
        return overview;
    }

    void run(TopicRecord<Run> record) {
        state.run(record.key(), record.value(), record.timestamp());
    }

    void progress(TopicRecord<Progress> record) {
        if (record.value() != null) {
            state.progress(record.value());
        }
    }

    void posterior(TopicRecord<Posterior> record) {
        if (record.value() == null) {
            posteriors.remove(record.key());
        } else {
            posteriors.put(record.key(), record);
        }
    }

    /** Every run of which there is anything, by name. */
    public Set<String> names() {
        Set<String> names = new TreeSet<>(state.runs().keySet());
        names.addAll(state.trainers());
        posteriors.values().forEach(each -> names.add(each.value().getRunId()));
        return names;
    }

    /** The posteriors, by key. */
    public Collection<TopicRecord<Posterior>> posteriors() {
        return Collections.unmodifiableCollection(posteriors.values());
    }

    /** How the trainer of a run does; null where it has said nothing. */
    public RunHistory trainer(String run) {
        return state.progress(run);
    }

    /** When the trainer spoke first, or the run was described; null where neither is known. */
    public Instant started(String run) {
        return state.started(run);
    }

    /** When something came of the run last: of its trainer, its fits, or its description; null for never. */
    public Instant lastHeard(String run) {
        Instant last = state.described(run);
        RunHistory trainer = trainer(run);
        if (trainer != null) {
            last = later(last, trainer.latest().getTimestamp());
        }
        for (TopicRecord<Posterior> each : posteriors.values()) {
            if (each.value().getRunId().equals(run)) {
                last = later(last, Instant.ofEpochMilli(each.timestamp()));
            }
        }
        return last;
    }

    private static Instant later(Instant one, Instant other) {
        return one == null || other.isAfter(one) ? other : one;
    }

    /** The checkpoints that the trainer has spoken of, or that have a posterior. */
    public Set<String> checkpoints(String run) {
        Set<String> names = new TreeSet<>();
        RunHistory trainer = trainer(run);
        if (trainer != null) {
            names.addAll(trainer.checkpoints().keySet());
        }
        of(run).forEach(each -> names.add(each.getCheckpoint()));
        return names;
    }

    /** The fits that have a posterior of the run. */
    public Set<String> fits(String run) {
        Set<String> names = new TreeSet<>();
        of(run).forEach(each -> names.add(each.getFit()));
        return names;
    }

    private Iterable<Posterior> of(String run) {
        return posteriors.values().stream()
                .map(TopicRecord::value)
                .filter(posterior -> posterior.getRunId().equals(run))
                .toList();
    }
}
