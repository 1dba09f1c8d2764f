package io.calibrant.infra.live;

import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.trainer.statistics.Checkpoint;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** How a run's trainer is doing, and was. */
public final class RunHistory {
    private static final int POINTS = 500;

    /** What comes late at times is no silence yet. */
    private static final Duration SHORTEST_SILENCE = Duration.ofSeconds(10);

    /** Assumed while only one event is known. */
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(15);

    private static final int SILENT_PAUSES = 4;

    private final Series<Progress> losses = Series.ofLast(POINTS);
    private final Map<String, Progress> checkpoints = new TreeMap<>();
    private Progress latest;
    private Progress latestStep;
    private Instant started;
    private double pauseMillis;

    RunHistory() {}

    void add(Progress progress) {
        if (started == null || progress.getTimestamp().isBefore(started)) {
            started = progress.getTimestamp();
        }
        if (latest == null || !progress.getTimestamp().isBefore(latest.getTimestamp())) {
            if (latest != null) {
                paused(Duration.between(latest.getTimestamp(), progress.getTimestamp())
                        .toMillis());
            }
            latest = progress;
        }
        if (progress.getCheckpoint() != null) {
            checkpoints.put(progress.getCheckpoint(), progress);
        }
        if (progress.getPhase() == Phase.FINE_TUNING && progress.getLoss() != null) {
            losses.put(progress.getStep(), progress);
            latestStep = progress;
        }
    }

    /** The usual pause between two events; one that was stopped for a day and goes on makes it little longer. */
    private void paused(long millis) {
        pauseMillis = pauseMillis == 0
                ? millis
                : pauseMillis + 0.2 * (Math.min((double) millis, 4 * pauseMillis) - pauseMillis);
    }

    /** How long ago the newest event was. */
    public Duration age(Instant now) {
        Duration age = Duration.between(latest.getTimestamp(), now);
        return age.isNegative() ? Duration.ZERO : age;
    }

    /**
     * Whether the trainer is not done and has not been heard of for much longer than it usually pauses: it has ended,
     * or cannot reach the broker.
     */
    public boolean isSilent(Instant now) {
        double usual = pauseMillis == 0 ? FIRST_PAUSE.toMillis() : pauseMillis;
        return latest.getPhase() != Phase.DONE
                && age(now).toMillis() > Math.max((double) SHORTEST_SILENCE.toMillis(), SILENT_PAUSES * usual);
    }

    /** When the trainer spoke first, as far as topic {@code progress} goes back. */
    public Instant started() {
        return started;
    }

    /** The newest progress event of the trainer, or of one of its shards. */
    public Progress latest() {
        return latest;
    }

    /** The checkpoints that the trainer has spoken of, with its newest word of each. */
    public Map<String, Progress> checkpoints() {
        return Collections.unmodifiableMap(checkpoints);
    }

    /**
     * How far a fit is behind the trainer, seconds: from the newest statistic that every block of it has folded to the
     * trainer's newest word of that checkpoint; null where one of both is not known.
     */
    public Double lagSeconds(FitHistory fit) {
        Progress word = checkpoints.getOrDefault(
                fit.name().checkpoint(), Checkpoint.isLive(fit.name().checkpoint()) ? latestStep : null);
        Long folded = fit.foldedUntil();
        if (fit.complete()) {
            return 0.0;
        }
        return word == null || folded == null
                ? null
                : (Double) (Math.max(0, word.getTimestamp().toEpochMilli() - folded) / 1000.0);
    }

    /** The newest step of fine-tuning; null where there was none. */
    public Progress latestStep() {
        return latestStep;
    }

    /** Steps of fine-tuning with their loss, thinned to at most {@value #POINTS}. */
    public Series<Progress> losses() {
        return losses;
    }
}
