package io.calibrant.trainer.service;

import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.state.TrainerState;
import java.util.Optional;
import java.util.function.Supplier;

/** Remembers how far a trainer is, and says where it stopped and how it goes on if it was stopped before its end. */
final class StoppedTraining implements ProgressListener {
    private final TrainerSettings settings;
    private final ProgressListener listener;
    private volatile Event last;
    private volatile Supplier<Optional<TrainerState>> kept = Optional::empty;

    /** @param listener hears what this hears */
    StoppedTraining(TrainerSettings settings, ProgressListener listener) {
        this.settings = settings;
        this.listener = listener;
    }

    @Override
    public void progressed(Event event) {
        last = event;
        listener.progressed(event);
    }

    @Override
    public void warned(String line) {
        listener.warned(line);
    }

    /** @param state the state on the disk, from which the same command goes on */
    void keptBy(Supplier<Optional<TrainerState>> state) {
        kept = state;
    }

    /** One line; from any thread. Empty where everything was done. */
    Optional<String> line() {
        Event stopped = last;
        if (stopped != null && stopped.phase() == Phase.DONE) {
            return Optional.empty();
        }
        return Optional.of("interrupted " + where(stopped) + ": the same command " + how());
    }

    private static String where(Event stopped) {
        if (stopped == null || stopped.phase() == Phase.LOADING) {
            return "before the first step";
        }
        String part = stopped.done() + " of " + stopped.total();
        return switch (stopped.phase()) {
            case FINE_TUNING -> "at step " + part;
            case CURVATURE -> "at batch " + part + " of a curvature pass";
            default -> "before the validation questions were sent";
        };
    }

    private String how() {
        if (settings.execution().state().isEmpty()) {
            return "starts over at step 0; with --state-dir DIR it would go on where it stopped";
        }
        String file = String.valueOf(settings.execution()
                .state()
                .get()
                .file(settings.run(), settings.curvature().shard()));
        return kept.get()
                .map(state ->
                        "goes on at " + state.describe(settings.optimisation().steps()) + " (state " + file + ")")
                .orElse("starts over at step 0: no state was kept yet in " + file);
    }
}
