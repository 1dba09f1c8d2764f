package io.calibrant.trainer.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.statistics.RowType;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
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
        "r, -1, 4, 5e-5, 10, '--steps must be 0 or more, got -1'",
        "r, 1, 0, 5e-5, 10, '--batch-size must be 1 or more, got 0'",
        "r, 1, 4, -1, 10, '--learning-rate must be 0 or more and below 1, got -1'",
        "r, 1, 4, 5e-5, 0, '--rank must be 1 or more, or full, got 0'"
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
                .hasMessageContaining("--validation-fraction must be left out where --validation is given, got 0.2");
        assertThatThrownBy(() -> ValidationSource.heldOut(1))
                .hasMessageContaining("--validation-fraction must be 0 or more and below 1, got 1");
    }

    @Test
    void shouldNameFlagAndValueOfEveryGroup() {
        refused(() -> AdapterSettings.DEFAULT.withRank(0, 16), "--lora-rank must be 1 or more, got 0");
        refused(() -> AdapterSettings.DEFAULT.withRank(8, 0), "--lora-alpha must be above 0 and finite, got 0");
        refused(() -> AdapterSettings.DEFAULT.withDropout(1), "--lora-dropout must be 0 or more and below 1, got 1");
        refused(
                () -> CurvatureSettings.DEFAULT.withCheckpointEvery(-1),
                "--checkpoint-every must be 0 or more, got -1");
        refused(() -> QuestionSettings.of(Path.of("q")).withMaxLength(0), "--max-length must be 1 or more, got 0");
        refused(
                () -> new StateSettings(Path.of("s"), Duration.ofSeconds(-1)),
                "--state-every must be 0 or more, got -1");
        refused(
                () -> StreamingSettings.DEFAULT.withBatchesPerRecord(0),
                "--batches-per-record must be 1 or more, got 0");
        refused(
                () -> new StreamingSettings(1, OptionalDouble.of(1), 2000, RowType.F32, 1),
                "--half-life must be long enough that 2^(-steps / half-life) of a record in 2000 steps is above 0,"
                        + " got 1");
    }

    @Test
    void shouldChangeOneGroupAndKeepTheOthers() {
        TrainerSettings plain = TrainerSettings.of("r", Path.of("m"), Path.of("q"));
        TrainerSettings other = new TrainerSettings(
                "r",
                Path.of("n"),
                new BaseFormat(BaseType.BF16, BaseQuantization.NF4),
                QuestionSettings.of(Path.of("p")).withMaxLength(7).withValidation(ValidationSource.heldOut(0.5)),
                new AdapterSettings(
                        Optional.of(Path.of("a")),
                        2,
                        3,
                        0.25,
                        LoraTargets.of("o_proj"),
                        Optional.of(Path.of("o")),
                        true),
                new OptimisationSettings(1, 2, 0.5),
                CurvatureSettings.DEFAULT.withRank(Optional.empty()).withCheckpointEvery(9),
                StreamingSettings.NONE,
                ExecutionSettings.DEFAULT.creatingTopics().withState(new StateSettings(Path.of("s"), Duration.ZERO)),
                5);

        assertThat(plain.withModel(other.model())
                        .withBase(other.base())
                        .withQuestions(other.questions())
                        .withAdapter(AdapterSettings.DEFAULT
                                .withFrom(Path.of("a"))
                                .withRank(2, 3)
                                .withDropout(0.25)
                                .withTargets(LoraTargets.of("o_proj"))
                                .withOutput(Path.of("o"))
                                .overwriting())
                        .withOptimisation(OptimisationSettings.DEFAULT
                                .withSteps(1)
                                .withBatchSize(2)
                                .withLearningRate(0.5))
                        .withCurvature(other.curvature())
                        .withStreaming(other.streaming())
                        .withExecution(other.execution())
                        .withSeed(5))
                .isEqualTo(other);
        assertThat(plain.withSeed(5).withSeed(0)).isEqualTo(plain);
    }

    private static void refused(Runnable making, String message) {
        assertThatThrownBy(making::run)
                .isInstanceOf(ConfigurationException.class)
                .hasMessage(message);
    }

    private static TrainerSettings settings(String run, int steps, int batchSize, double rate, int rank) {
        return TrainerSettings.of(run, Path.of("model"), Path.of("q.jsonl"))
                .withOptimisation(new OptimisationSettings(steps, batchSize, rate))
                .withCurvature(CurvatureSettings.DEFAULT.withRank(Optional.of(rank)));
    }
}
