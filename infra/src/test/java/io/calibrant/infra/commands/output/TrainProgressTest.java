package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.trainer.service.ProgressListener.Event;
import io.calibrant.trainer.service.ProgressListener.Phase;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class TrainProgressTest {
    @Test
    void shouldSayHowFarItIsAndWhatRemains() {
        assertThat(TrainProgress.describe(new Event(
                        Phase.FINE_TUNING, 120, 400, OptionalDouble.of(0.43125), Optional.of(Duration.ofSeconds(80)))))
                .isEqualTo("fine-tuning: step 120 of 400, loss 0.4313, 80 s left");
        assertThat(TrainProgress.describe(new Event(
                        Phase.CURVATURE, 3, 150, OptionalDouble.empty(), Optional.of(Duration.ofSeconds(400)))))
                .isEqualTo("curvature pass: batch 3 of 150, 7 min left");
        assertThat(TrainProgress.describe(
                        new Event(Phase.DONE, 1, 1, OptionalDouble.empty(), Optional.of(Duration.ZERO))))
                .isEqualTo("everything is published");
    }
}
