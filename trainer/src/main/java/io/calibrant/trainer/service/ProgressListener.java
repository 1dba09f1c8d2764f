package io.calibrant.trainer.service;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;

/** Hears how far a trainer is, in the trainer's thread. */
@FunctionalInterface
public interface ProgressListener {
    /** What a trainer is doing. */
    enum Phase {
        /** Reading files. */
        LOADING,
        /** Optimizer steps. */
        FINE_TUNING,
        /** Batches of the curvature pass, of this shard. */
        CURVATURE,
        /** Batches in the posterior that the validation questions wait for. */
        FITTING,
        /** Everything is published. */
        DONE
    }

    /**
     * What a listener hears.
     *
     * @param done steps or batches
     * @param total of the phase
     * @param loss mean training loss of the last step, nats
     * @param remaining estimate for the phase; empty until there is one
     */
    record Event(Phase phase, long done, long total, OptionalDouble loss, Optional<Duration> remaining) {}

    /** Called at the start of a phase (done = 0) and after every step or batch. */
    void progressed(Event event);

    /** Something that is no failure, but not as expected either: one line. */
    default void warned(String line) {
        // nobody needs to listen
    }
}
