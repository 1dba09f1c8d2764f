package io.calibrant.trainer.finetuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.lora.Parameter;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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

    @ParameterizedTest
    @EnumSource
    void shouldTakeTheVerySameStepsFromAnyOfItsStates(TinyRun.Kind kind) throws IOException {
        FineTuningSettings settings = new FineTuningSettings(12, 3, 1e-2, 0.01, 7);
        List<Double> losses = new ArrayList<>();
        List<Long> examples = new ArrayList<>();
        List<FineTuningState> states = new ArrayList<>();
        List<float[]> last;
        try (TinyRun run = new TinyRun(directory.resolve("whole"), 0.3, 8, kind);
                FineTuning whole = new FineTuning(run.model(), run.prompts(), PAD, settings, Optional.empty())) {
            List<float[]> before = weights(run.model());
            whole.run((step, loss, rate, n) -> {
                losses.add(loss);
                examples.add(n);
                states.add(whole.state());
                return true;
            });
            last = weights(run.model());
            for (int i = 0; i < last.size(); i++) {
                assertThat(last.get(i)).as("parameter " + i).isNotEqualTo(before.get(i));
            }
        }

        for (int begun : new int[] {1, 4, 11}) { // within an epoch of 3, 3 and 2 questions, and at the start of one
            FineTuningState from = states.get(begun - 1);
            assertThat(from.step()).isEqualTo(begun);
            List<Double> after = new ArrayList<>();
            List<Long> examplesAfter = new ArrayList<>();
            try (TinyRun run = new TinyRun(directory.resolve("from" + begun), 0.3, 8, kind);
                    AdaptedModel model = new AdaptedModel(run.model().model(), from.adapter());
                    FineTuning rest = new FineTuning(model, run.prompts(), PAD, settings, Optional.of(from))) {
                assertThat(rest.run((step, loss, rate, n) -> {
                            after.add(loss);
                            examplesAfter.add(n);
                            return true;
                        }))
                        .isEqualTo(12);

                assertThat(after).isEqualTo(losses.subList(begun, 12));
                assertThat(examplesAfter).isEqualTo(examples.subList(begun, 12));
                List<float[]> weights = weights(model);
                for (int i = 0; i < last.size(); i++) {
                    assertThat(weights.get(i)).isEqualTo(last.get(i));
                }
            }
        }
    }

    /** What a DoRA computes of its weights it keeps, until they change. */
    @Test
    void shouldLetADoraAnswerWithTheWeightsThatItWasTrainedTo() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0, 4, TinyRun.Kind.DORA)) {
            float[] before = logits(run.model(), run);

            train(run, 2, 1e-2, 1);

            try (AdaptedModel fresh =
                    new AdaptedModel(run.model().model(), run.model().weights().snapshot())) {
                assertThat(logits(run.model(), run))
                        .isEqualTo(logits(fresh, run))
                        .isNotEqualTo(before);
            }
        }
    }

    @Test
    void shouldStopWhenToldTo() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0, 8)) {
            FineTuningSettings settings = new FineTuningSettings(50, 4, 1e-3, 0.01, 0);

            assertThat(FineTuning.run(run.model(), run.prompts(), PAD, settings, (step, loss, rate, n) -> step < 3))
                    .isEqualTo(3);
        }
    }

    @Test
    void shouldCountExamplesAndLowerTheRate() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0, 7)) {
            List<Long> examples = new ArrayList<>();
            List<Double> rates = new ArrayList<>();
            FineTuningSettings settings = new FineTuningSettings(4, 4, 1e-3, 0.01, 0);

            FineTuning.run(run.model(), run.prompts(), PAD, settings, (step, loss, rate, n) -> {
                examples.add(n);
                rates.add(rate);
                return true;
            });

            assertThat(examples).as("7 questions in batches of 4 and 3").containsExactly(4L, 7L, 11L, 14L);
            assertThat(rates).containsExactly(1e-3, 7.5e-4, 5e-4, 2.5e-4);
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldKeepMemoryFlat(TinyRun.Kind kind) throws IOException {
        try (TinyRun run = new TinyRun(directory, 0.1, 8, kind)) {
            var weights = run.model().weights();
            var manager = weights.pairs().values().iterator().next().a().getManager();
            train(run, 2, 1e-3, 1);
            int before = manager.getManagedArrays().size();

            List<Integer> during = new ArrayList<>();
            FineTuning.run(
                    run.model(),
                    run.prompts(),
                    PAD,
                    new FineTuningSettings(20, 4, 1e-3, 0.01, 0),
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
            return weights(run.model());
        }
    }

    private static float[] logits(AdaptedModel model, TinyRun run) {
        TokenBatch batch = TokenBatch.leftPadded(
                run.prompts().stream().map(EncodedPrompt::ids).toList(), PAD);
        try (Pass pass = model.forward(batch, Mode.PLAIN)) {
            return pass.logits().toFloatArray();
        }
    }

    private static List<float[]> weights(AdaptedModel model) {
        return model.weights().snapshot().parameters().stream()
                .map(Parameter::values)
                .toList();
    }

    private static List<Double> train(TinyRun run, int steps, double rate, long seed) {
        List<Double> losses = new ArrayList<>();
        FineTuning.run(
                run.model(),
                run.prompts(),
                PAD,
                new FineTuningSettings(steps, 4, rate, 0.01, seed),
                (step, loss, r, n) -> {
                    losses.add(loss);
                    return true;
                });
        return losses;
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
}
