package io.calibrant.trainer.tuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.lora.LoraMatrices;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FineTuningTest {
    private static final int PAD = 2;

    @TempDir
    Path directory;

    @Test
    void shouldLearnItsQuestionsByHeart() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0, 8)) {
            List<Double> losses = train(run, 150, 0.01, 1);

            assertThat(losses).hasSize(150);
            assertThat(mean(losses.subList(140, 150))).isLessThan(0.3 * mean(losses.subList(0, 10)));
        }
    }

    @Test
    void shouldRepeatItselfToTheBitWithTheSameSeedAlsoWithDropout() throws IOException {
        List<float[]> first = weightsAfter(directory.resolve("first"), 7);

        List<float[]> second = weightsAfter(directory.resolve("second"), 7);
        List<float[]> other = weightsAfter(directory.resolve("other"), 8);

        for (int i = 0; i < first.size(); i++) {
            assertThat(second.get(i)).isEqualTo(first.get(i));
        }
        assertThat(other.get(0)).isNotEqualTo(first.get(0));
    }

    @Test
    void shouldStopWhenToldTo() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0, 8)) {
            TuningSettings settings = new TuningSettings(50, 4, 1e-3, 0.01, 0);

            assertThat(FineTuning.run(run.model(), run.prompts(), PAD, settings, (step, loss, rate, n) -> step < 3))
                    .isEqualTo(3);
        }
    }

    @Test
    void shouldCountExamplesAndLowerTheRate() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0, 7)) {
            List<Long> examples = new ArrayList<>();
            List<Double> rates = new ArrayList<>();
            TuningSettings settings = new TuningSettings(4, 4, 1e-3, 0.01, 0);

            FineTuning.run(run.model(), run.prompts(), PAD, settings, (step, loss, rate, n) -> {
                examples.add(n);
                rates.add(rate);
                return true;
            });

            assertThat(examples).as("7 questions in batches of 4 and 3").containsExactly(4L, 7L, 11L, 14L);
            assertThat(rates).containsExactly(1e-3, 7.5e-4, 5e-4, 2.5e-4);
        }
    }

    @Test
    void shouldKeepMemoryFlat() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0.1, 8)) {
            var weights = run.model().weights();
            var manager = weights.pairs().values().iterator().next().a().getManager();
            train(run, 2, 1e-3, 1);
            int before = manager.getManagedArrays().size();

            List<Integer> during = new ArrayList<>();
            FineTuning.run(
                    run.model(),
                    run.prompts(),
                    PAD,
                    new TuningSettings(20, 4, 1e-3, 0.01, 0),
                    (step, loss, rate, n) -> {
                        during.add(manager.getManagedArrays().size()
                                + manager.getParentManager().getManagedArrays().size());
                        return true;
                    });

            assertThat(during).as("arrays held after every step").containsOnly(during.get(0));
            assertThat(manager.getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void shouldNameTheFlagWhenTrainingDiverges() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0, 8)) {
            run.model().weights().pairs().values().iterator().next().b().addi(Float.NaN);
            assertThatThrownBy(() -> train(run, 3, 1e-3, 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("at step 1")
                    .hasMessageContaining("--learning-rate");
        }
    }

    private static List<float[]> weightsAfter(Path directory, long seed) throws IOException {
        try (TinyRun run = new TinyRun(directory, 0.3, 8)) {
            train(run, 5, 1e-2, seed);
            List<float[]> weights = new ArrayList<>();
            for (LoraMatrices matrices :
                    run.model().weights().snapshot().matrices().values()) {
                weights.add(matrices.a());
                weights.add(matrices.b());
            }
            return weights;
        }
    }

    private static List<Double> train(TinyRun run, int steps, double rate, long seed) {
        List<Double> losses = new ArrayList<>();
        FineTuning.run(
                run.model(), run.prompts(), PAD, new TuningSettings(steps, 4, rate, 0.01, seed), (step, loss, r, n) -> {
                    losses.add(loss);
                    return true;
                });
        return losses;
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
}
