package io.calibrant.infra.demo;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.reading.TopicRecord;
import io.calibrant.trainer.statistics.Checkpoint;
import java.time.Duration;
import java.util.function.Consumer;

/** Follows one run on the topics progress and posteriors. */
final class RunWatch implements AutoCloseable {
    private final String run;
    private final TopicReader reader;
    private Progress progress;
    private Posterior posterior;

    /** @param lines hears of what is away, once, and of records that cannot be read */
    RunWatch(Connection connection, String run, Consumer<String> lines) {
        this.run = run;
        reader = TopicReading.of(connection)
                .records(connection.topics().progress(), Progress.class, this::progress)
                .records(connection.topics().posteriors(), Posterior.class, this::posterior)
                .badRecords(lines)
                .throughOutages(lines)
                .follow();
    }

    private void progress(TopicRecord<Progress> record) {
        if (record.value() != null && record.value().getRunId().equals(run)) {
            progress = record.value();
        }
    }

    private void posterior(TopicRecord<Posterior> record) {
        Posterior next = record.value();
        // that of the moving weights is never complete
        if (next != null && next.getRunId().equals(run) && !Checkpoint.isLive(next.getCheckpoint())) {
            posterior = next;
        }
    }

    /** Polls once. */
    void poll(Duration patience) {
        reader.poll(patience);
    }

    /** The newest record of topic progress; null before the first. */
    Progress progress() {
        return progress;
    }

    /** The newest posterior of a checkpoint, live ones aside; null before the first. */
    Posterior posterior() {
        return posterior;
    }

    /** Whether every batch of the curvature pass is in the posterior. */
    boolean complete() {
        return posterior != null && posterior.getState() == PosteriorState.COMPLETE;
    }

    @Override
    public void close() {
        reader.close();
    }
}
