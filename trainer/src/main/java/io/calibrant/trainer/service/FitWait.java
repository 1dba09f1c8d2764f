package io.calibrant.trainer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.trainer.service.ProgressListener.Event;
import io.calibrant.trainer.service.ProgressListener.Phase;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.FitWatch;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.BooleanSupplier;

/**
 * Waits until the posterior is complete that the questions at the end are for, those for validation and those for the
 * noise of a logit. A scorer takes no question before it has a complete posterior, so usually there is nothing to wait
 * for. Where an older checkpoint of the run has a complete one, the scorer would answer with that.
 */
final class FitWait {
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final Duration POLL = Duration.ofMillis(500);

    private final TrainerSettings settings;
    private final Connection connection;
    private final String checkpoint;
    private final ProgressListener listener;
    private final BooleanSupplier stopping;

    /** @param checkpoint that the questions are for, as its posterior names it */
    FitWait(
            TrainerSettings settings,
            Connection connection,
            String checkpoint,
            ProgressListener listener,
            BooleanSupplier stopping) {
        this.settings = settings;
        this.connection = connection;
        this.checkpoint = checkpoint;
        this.listener = listener;
        this.stopping = stopping;
    }

    /**
     * Waits for ten minutes at most, and warns where that was not enough.
     *
     * @param questions how many training questions the curvature pass has
     * @return false if the trainer is to end
     */
    boolean await(long questions) {
        try (FitWatch watch = new FitWatch(connection, settings.run(), listener::warned)) {
            while (!watch.isCaughtUp()) {
                if (stopping.getAsBoolean()) {
                    return false;
                }
                watch.poll(POLL);
            }
            Optional<String> older = watch.completeBeside(checkpoint);
            if (older.isEmpty()) {
                return !stopping.getAsBoolean();
            }
            int size = settings.optimisation().batchSize();
            long batches = (questions + size - 1) / size;
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (!watch.isComplete(checkpoint)) {
                if (stopping.getAsBoolean()) {
                    return false;
                }
                if (System.nanoTime() > end) {
                    listener.warned("note: checkpoint " + checkpoint + " of run '" + settings.run()
                            + "' has no complete posterior after " + PATIENCE.toMinutes()
                            + " min (is a fitter running? calibrant fit): the questions for its calibration are"
                            + " sent now, and a"
                            + " scorer that still serves " + older.get() + " answers them with that");
                    break;
                }
                listener.progressed(new Event(
                        Phase.FITTING, watch.batches(checkpoint), batches, OptionalDouble.empty(), Optional.empty()));
                watch.poll(POLL);
            }
            return !stopping.getAsBoolean();
        }
    }
}
