package io.calibrant.infra.live;

import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.trainer.statistics.Checkpoint;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** How a run's trainer is doing, and was. */
public final class RunHistory {
    private static final int POINTS = 500;

    private final Series<Progress> losses = Series.ofLast(POINTS);
    private final Map<String, Progress> checkpoints = new TreeMap<>();
    private Progress latest;
    private Progress latestStep;

    RunHistory() {}

    void add(Progress progress) {
        if (latest == null || !progress.getTimestamp().isBefore(latest.getTimestamp())) {
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
                fit.name().checkpoint(), fit.name().checkpoint().equals(Checkpoint.LIVE) ? latestStep : null);
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
