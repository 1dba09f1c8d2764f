package io.calibrant.trainer.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.finetuning.FineTuningState;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainerStateTest {
    @Test
    void shouldCountBatchesExamplesAndLogLikelihoodOfAPass() {
        PassProgress progress = PassProgress.NONE
                .plus(new BatchCurvature(List.of(), List.of(), 4, -1.5, 1))
                .plus(new BatchCurvature(List.of(), List.of(), 3, -0.25, 1));

        assertThat(progress).isEqualTo(new PassProgress(2, 7, -1.75));
    }

    @Test
    void shouldSayWhereItIs() {
        assertThat(state(120, 0).describe(400)).isEqualTo("step 120 of 400");
        assertThat(state(400, 3).describe(400)).isEqualTo("step 400 of 400, batch 3 of its curvature pass");
        assertThat(state(0, 3).describe(0)).isEqualTo("batch 3 of its curvature pass");
    }

    private static TrainerState state(int step, long batches) {
        return new TrainerState(
                new FineTuningState(step, null, List.of(), List.of()), new PassProgress(batches, 0, 0), false);
    }
}
