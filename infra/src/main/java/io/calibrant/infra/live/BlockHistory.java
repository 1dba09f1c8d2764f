package io.calibrant.infra.live;

import io.calibrant.schemas.avro.FactorUpdate;
import java.util.List;

/** One block's factors: as they are, and how they became so. */
public final class BlockHistory {
    private static final int POINTS = 120;
    private static final int EIGENVALUES = 32;

    private final Series<Point> history = Series.ofLast(POINTS);
    private FactorUpdate latest;
    private List<Double> spectrum = List.of();
    private long changed;

    /**
     * The factor after a fold.
     *
     * @param spectrum the largest eigenvalues w, descending, at most {@value #EIGENVALUES}
     * @param time when it was published, milliseconds
     */
    public record Point(
            long batches, List<Double> spectrum, double capturedEnergy, double delta, double n, long time) {}

    BlockHistory() {}

    void add(FactorUpdate update, long timestamp) {
        latest = update;
        changed = Math.max(changed, timestamp);
        // A factor that is kept in full publishes its eigenvalues now and then only.
        if (!update.getSpectrum().isEmpty()) {
            spectrum = update.getSpectrum();
            List<Double> kept = List.copyOf(spectrum.subList(0, Math.min(EIGENVALUES, spectrum.size())));
            history.put(
                    update.getBatches(),
                    new Point(
                            update.getBatches(),
                            kept,
                            update.getCapturedEnergy(),
                            update.getDelta(),
                            update.getN(),
                            timestamp));
        }
    }

    /** The newest update. */
    public FactorUpdate latest() {
        return latest;
    }

    /** The newest eigenvalues w, descending; empty before the first. */
    public List<Double> spectrum() {
        return spectrum;
    }

    /** When the newest update was published, milliseconds. */
    public long changed() {
        return changed;
    }

    /** How it became so, by batches, thinned to at most {@value #POINTS}. */
    public Series<Point> history() {
        return history;
    }
}
