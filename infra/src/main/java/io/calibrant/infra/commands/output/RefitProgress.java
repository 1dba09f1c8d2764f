package io.calibrant.infra.commands.output;

import io.calibrant.fitter.topology.FitterListener;
import io.calibrant.schemas.avro.Posterior;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Progress of a refit, at most a line a second: batches of all its checkpoints, and what remains at the rate so far.
 */
public final class RefitProgress implements FitterListener {
    private static final long EVERY_NANOS = Duration.ofSeconds(1).toNanos();

    private final Consumer<String> lines;
    private final LongSupplier nanos;
    private final Map<String, Long> selected;
    private final Map<String, Long> folded = new HashMap<>();
    private long began;
    private long atBegin = -1;
    private long told;

    /** @param selected batches to be folded, by checkpoint */
    public RefitProgress(Consumer<String> lines, LongSupplier nanos, Map<String, Long> selected) {
        this.lines = lines;
        this.nanos = nanos;
        this.selected = Map.copyOf(selected);
    }

    /** Called by several stream threads. */
    @Override
    public synchronized void accept(Posterior posterior) {
        folded.merge(posterior.getCheckpoint(), posterior.getBatches(), Math::max);
        long all = selected.values().stream().mapToLong(Long::longValue).sum();
        long done = Math.min(
                all, folded.values().stream().mapToLong(Long::longValue).sum());
        long now = nanos.getAsLong();
        if (atBegin < 0) {
            began = now;
            atBegin = done;
        } else if (now - told < EVERY_NANOS && done < all) {
            return;
        }
        told = now;
        double each = done > atBegin ? (double) (now - began) / (done - atBegin) : Double.NaN;
        lines.accept(done + " of " + all + " batches folded"
                + (done >= all || Double.isNaN(each)
                        ? ""
                        : ", about " + Output.duration(each * (all - done) / 1e9) + " remain"));
    }
}
