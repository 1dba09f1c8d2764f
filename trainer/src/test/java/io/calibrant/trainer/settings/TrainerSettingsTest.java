package io.calibrant.trainer.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.Shard;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.ComputeDevice;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainerSettingsTest {
    @Test
    void shouldNameTheFinalCheckpointByItsSteps() {
        assertThat(settings("r", 400, 4, 5e-5, 10).checkpoint()).isEqualTo("step-400");
        assertThat(settings("r", 0, 4, 5e-5, 10).checkpoint()).isEqualTo("step-0");
    }

    @ParameterizedTest
    @CsvSource({
        "a/b, 1, 4, 5e-5, 10, '--run must be 1 to 100 letters'",
        "r, -1, 4, 5e-5, 10, '--steps: found -1, accepted is 0 or more'",
        "r, 1, 0, 5e-5, 10, '--batch-size: found 0, accepted is 1 or more'",
        "r, 1, 4, -1, 10, '--learning-rate: found -1.0, accepted is 0 or more, below 1'",
        "r, 1, 4, 5e-5, 0, '--rank: found 0, accepted is 1 or more, or full'"
    })
    void shouldNameFlagValueAndWhatIsAccepted(
            String run, int steps, int batchSize, double rate, int rank, String message) {
        assertThatThrownBy(() -> settings(run, steps, batchSize, rate, rank))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message);
    }

    @Test
    void shouldRefuseBothWaysOfValidationAtOnce() {
        assertThatThrownBy(() -> new ValidationSource(0.2, Optional.of(Path.of("v.jsonl"))))
                .hasMessageContaining("found both");
        assertThatThrownBy(() -> ValidationSource.heldOut(1)).hasMessageContaining("accepted is 0 or more, below 1");
    }

    private static TrainerSettings settings(String run, int steps, int batchSize, double rate, int rank) {
        return new TrainerSettings(
                run,
                Path.of("model"),
                Path.of("q.jsonl"),
                Optional.empty(),
                steps,
                batchSize,
                rate,
                8,
                16,
                0.1,
                LoraTargets.parse("q_proj"),
                300,
                0,
                KfacApproximation.EXPAND,
                FisherType.EXACT,
                Optional.of(rank),
                ValidationSource.NONE,
                Optional.empty(),
                ComputeDevice.CPU,
                Shard.WHOLE,
                StreamingSettings.DEFAULT,
                0,
                false,
                Optional.empty());
    }
}
