package io.calibrant.trainer.state;

import io.calibrant.trainer.finetuning.FineTuningState;
import io.calibrant.trainer.statistics.SendQueue;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Writes a trainer's state from time to time, if that was asked for. A state goes through the send queue behind all
 * records that belong to it: when it is written, they are committed.
 */
public final class StateKeeper {
    private final Optional<StateFile> file;
    private final Duration every;
    private final SendQueue queue;
    private final BooleanSupplier stopping;
    private long last = System.nanoTime();
    private volatile TrainerState kept;

    /**
     * Keeps nothing yet.
     *
     * @param file empty: nothing is kept at all
     * @param stopping whether the trainer is to end
     */
    public StateKeeper(Optional<StateFile> file, Duration every, SendQueue queue, BooleanSupplier stopping) {
        this.file = file;
        this.every = every;
        this.queue = queue;
        this.stopping = stopping;
    }

    /** Whether states are kept at all. */
    public boolean isOn() {
        return file.isPresent();
    }

    /** Whether a state is to be kept: enough time has passed, or the trainer is to end. */
    public boolean isDue() {
        return file.isPresent() && (stopping.getAsBoolean() || System.nanoTime() - last >= every.toNanos());
    }

    /**
     * Keeps a state now. Everything that belongs to it must have been given to the queue.
     *
     * @param tuning may be null where nothing is kept
     */
    public void keep(FineTuningState tuning, PassProgress pass, boolean complete) {
        if (!isOn()) {
            return;
        }
        TrainerState state = new TrainerState(tuning, pass, complete);
        queue.send(bytes(state.tuning()), () -> {
            file.get().write(state);
            kept = state;
        });
        last = System.nanoTime();
    }

    /** The state that was written last, from which the same command goes on; empty where none was. From any thread. */
    public Optional<TrainerState> kept() {
        return Optional.ofNullable(kept);
    }

    private static long bytes(FineTuningState tuning) {
        return Float.BYTES * tuning.adapter().size() * (tuning.first().isEmpty() ? 1 : 3);
    }
}
