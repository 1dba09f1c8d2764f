package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.reading.TopicRecord;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * How far the fitters are with a run: whether a checkpoint has a complete posterior, and whether another one of the run
 * has, with which a scorer would answer until then. Not thread-safe.
 */
public final class FitWatch implements AutoCloseable {
    private final TopicReader reader;
    private final Map<String, Posterior> posteriorOf = new HashMap<>();

    /**
     * Stands at the beginning of the topic of posteriors; where there is no such topic there is no posterior.
     *
     * @param outages called once when the broker or the registry is away, and once when it is back; both are waited for
     */
    public FitWatch(Connection connection, String run, Consumer<String> outages) {
        reader = TopicReading.of(connection)
                .records(
                        connection.topics().posteriors(),
                        Posterior.class,
                        key -> key != null && Keys.runOf(key).equals(run),
                        this::posterior)
                .awaitingTopics()
                .throughOutages(outages)
                .follow();
    }

    private void posterior(TopicRecord<Posterior> record) {
        if (record.value() == null) {
            posteriorOf.remove(record.key());
        } else {
            posteriorOf.put(record.key(), record.value());
        }
    }

    /** Takes in what comes within some time. */
    public void poll(Duration patience) {
        reader.poll(patience);
    }

    /** Whether everything has been taken in that was on the topic when this was made. */
    public boolean isCaughtUp() {
        return reader.hasReachedTheEnd();
    }

    /** Whether a fit has folded the whole curvature pass of a checkpoint. */
    public boolean isComplete(String checkpoint) {
        return posteriorOf.values().stream()
                .anyMatch(posterior -> posterior.getCheckpoint().equals(checkpoint)
                        && posterior.getState() == PosteriorState.COMPLETE);
    }

    /** Another checkpoint of the run that scorers can answer with. */
    public Optional<String> completeBeside(String checkpoint) {
        return posteriorOf.values().stream()
                .filter(posterior -> posterior.getState() == PosteriorState.COMPLETE)
                .map(Posterior::getCheckpoint)
                .filter(other -> !other.equals(checkpoint))
                .findFirst();
    }

    /** Batches of a checkpoint's curvature pass in its posterior; of the fit that is furthest. */
    public long batches(String checkpoint) {
        return posteriorOf.values().stream()
                .filter(posterior -> posterior.getCheckpoint().equals(checkpoint))
                .mapToLong(Posterior::getBatches)
                .max()
                .orElse(0);
    }

    @Override
    public void close() {
        reader.close();
    }
}
