package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.trainer.finetuning.FineTuningState;
import io.calibrant.trainer.service.ProgressListener.Event;
import io.calibrant.trainer.service.ProgressListener.Phase;
import io.calibrant.trainer.settings.StateSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.state.PassProgress;
import io.calibrant.trainer.state.TrainerState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class StoppedTrainingTest {
    private static final TrainerSettings WITHOUT_STATE = TrainerSettings.of("r1", Path.of("m"), Path.of("q"));
    private static final TrainerSettings WITH_STATE = WITHOUT_STATE.withExecution(
            WITHOUT_STATE.execution().withState(new StateSettings(Path.of("kept"), Duration.ofMinutes(1))));

    private static StoppedTraining at(TrainerSettings settings, Phase phase, long done, long total) {
        StoppedTraining training = new StoppedTraining(settings, event -> {});
        training.progressed(new Event(phase, done, total, OptionalDouble.empty(), Optional.empty()));
        return training;
    }

    @Test
    void shouldSayThatItStartsOverWhereNoStateIsKept() {
        String how = ": the same command starts over at step 0; with --state-dir DIR it would go on where it stopped";
        assertThat(at(WITHOUT_STATE, Phase.LOADING, 0, 1).line()).hasValue("interrupted before the first step" + how);
        assertThat(at(WITHOUT_STATE, Phase.FINE_TUNING, 7, 400).line()).hasValue("interrupted at step 7 of 400" + how);
        assertThat(at(WITHOUT_STATE, Phase.CURVATURE, 2, 9).line())
                .hasValue("interrupted at batch 2 of 9 of a curvature pass" + how);
        assertThat(at(WITHOUT_STATE, Phase.FITTING, 2, 9).line())
                .hasValue("interrupted before the validation questions were sent" + how);
    }

    @Test
    void shouldSayWhereTheStateThatWasKeptGoesOn() {
        StoppedTraining training = at(WITH_STATE, Phase.FINE_TUNING, 7, 400);
        assertThat(training.line())
                .hasValue("interrupted at step 7 of 400: the same command starts over at step 0: no state was kept yet"
                        + " in kept/r1-0-of-1.safetensors");
        TrainerState state =
                new TrainerState(new FineTuningState(6, null, List.of(), List.of()), PassProgress.NONE, false);
        training.keptBy(() -> Optional.of(state));
        assertThat(training.line())
                .hasValue("interrupted at step 7 of 400: the same command goes on at step 6 of 400"
                        + " (state kept/r1-0-of-1.safetensors)");
    }

    @Test
    void shouldSayNothingWhereEverythingWasDone() {
        assertThat(at(WITH_STATE, Phase.DONE, 1, 1).line()).isEmpty();
    }
}
