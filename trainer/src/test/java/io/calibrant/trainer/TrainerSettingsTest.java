package io.calibrant.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
        "a/b, 1, 4, 5e-5, 10, '--run: ''a/b'' is not a name'",
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
    void shouldReadShards() {
        assertThat(Shard.parse("1/2")).isEqualTo(new Shard(1, 2)).hasToString("1/2");
        assertThat(Shard.parse("0/1")).isEqualTo(Shard.WHOLE);
        assertThat(new Shard(1, 3).has(4)).isTrue();
        assertThat(new Shard(1, 3).has(3)).isFalse();
        for (String bad : new String[] {"2/2", "-1/2", "1", "a/b", "0/0"}) {
            assertThatThrownBy(() -> Shard.parse(bad))
                    .hasMessageContaining("--shard: found")
                    .hasMessageContaining("accepted is i/N");
        }
    }

    @Test
    void shouldRefuseBothWaysOfValidationAtOnce() {
        assertThatThrownBy(() -> new Validation(0.2, Optional.of(Path.of("v.jsonl"))))
                .hasMessageContaining("found both");
        assertThatThrownBy(() -> Validation.heldOut(1)).hasMessageContaining("accepted is 0 or more, below 1");
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
                Validation.NONE,
                Optional.empty(),
                ComputeDevice.CPU,
                Shard.WHOLE,
                Streaming.DEFAULT,
                0,
                false,
                Optional.empty());
    }
}
