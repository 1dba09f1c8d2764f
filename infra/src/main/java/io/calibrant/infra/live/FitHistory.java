package io.calibrant.infra.live;

import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import java.util.Collections;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;

/** What a fit is and was: posterior, factors, and how good its answers are. */
public final class FitHistory {
    private static final int POINTS = 500;
    private static final int WINDOWS = 500;

    private final FitName name;
    private final Series<PosteriorPoint> posteriors = Series.ofLast(POINTS);
    private final Map<String, BlockHistory> blocks = new TreeMap<>(Blocks.ORDER);
    private final TreeMap<Long, CalibrationPoint> windows = new TreeMap<>();
    private final Series<CalibrationPoint> totals = Series.ofLast(POINTS);
    private Posterior posterior;
    private CalibrationMetrics total;
    private long changed;

    FitHistory(FitName name) {
        this.name = name;
    }

    void posterior(Posterior next, long timestamp) {
        posterior = next;
        posteriors.put(next.getBatches(), PosteriorPoint.of(next, timestamp));
        changed = Math.max(changed, timestamp);
    }

    void factors(FactorUpdate update, long timestamp) {
        blocks.computeIfAbsent(update.getBlock(), block -> new BlockHistory()).add(update, timestamp);
        changed = Math.max(changed, timestamp);
    }

    void calibration(CalibrationMetrics metrics) {
        if (metrics.getWindowStart() == null) {
            total = metrics;
            totals.put(metrics.getN(), CalibrationPoint.of(metrics));
            return;
        }
        windows.put(metrics.getWindowStart().toEpochMilli(), CalibrationPoint.of(metrics));
        if (windows.size() > WINDOWS) {
            windows.pollFirstEntry();
        }
    }

    void calibrationRemoved(String window) {
        windows.values().removeIf(metrics -> metrics.window().equals(window));
    }

    public FitName name() {
        return name;
    }

    /** The newest posterior; null before the first. */
    public Posterior posterior() {
        return posterior;
    }

    /** Posteriors by batches, thinned to at most {@value #POINTS}; of equal batches the newest. */
    public Series<PosteriorPoint> posteriors() {
        return posteriors;
    }

    /** By name, in the order of the layers, the head last. */
    public Map<String, BlockHistory> blocks() {
        return Collections.unmodifiableMap(blocks);
    }

    /** Of all answers with a label; null before the first. */
    public CalibrationMetrics total() {
        return total;
    }

    /** The totals by their number of answers, thinned to at most {@value #POINTS}. */
    public Series<CalibrationPoint> totals() {
        return totals;
    }

    /** By the start of the window, the newest {@value #WINDOWS}. */
    public Map<Long, CalibrationPoint> windows() {
        return Collections.unmodifiableMap(windows);
    }

    /** When a factor or the posterior changed last, milliseconds. */
    public long changed() {
        return changed;
    }

    /** Batches that are in every block; 0 before the first. */
    public long batches() {
        return blocks.values().stream()
                .mapToLong(block -> block.latest().getBatches())
                .min()
                .orElse(posterior == null ? 0 : posterior.getBatches());
    }

    /** Batches that are expected; null where there is no end, or none is known yet. */
    public Long batchesExpected() {
        return blocks.values().stream()
                .map(block -> block.latest().getBatchesExpected())
                .filter(expected -> expected != null)
                .max(Comparator.naturalOrder())
                .orElse(posterior == null ? null : posterior.getBatchesExpected());
    }

    /** Whether every expected batch is in the posterior. */
    public boolean complete() {
        return posterior != null && posterior.getState() == PosteriorState.COMPLETE;
    }

    /** The time of the newest statistic that the slowest block has folded, milliseconds; null before the first. */
    public Long foldedUntil() {
        return blocks.values().stream()
                .map(block -> block.latest().getTimestamp().toEpochMilli())
                .min(Comparator.naturalOrder())
                .orElse(null);
    }
}
