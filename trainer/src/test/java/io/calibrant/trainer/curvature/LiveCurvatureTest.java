package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.capture.MathThreads;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.finetuning.FineTuning;
import io.calibrant.trainer.finetuning.FineTuningListener;
import io.calibrant.trainer.finetuning.FineTuningSettings;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Statistics from the training loop's own passes. */
class LiveCurvatureTest {
    private static final int PAD = 2;

    @TempDir
    Path directory;

    /** The first map's input does not depend on what is dropped before it: there evaluation mode is the naive twin. */
    @ParameterizedTest
    @EnumSource
    void shouldBeThatOfThePassThatMeasures(TinyRun.Kind kind) throws IOException {
        try (TinyRun run = new TinyRun(directory, 0, 4, kind);
                MathThreads threads = MathThreads.on(TestDevice.get())) {
            KfacEstimator curvature = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EMPIRICAL, null, "r", 0);
            TokenBatch tokens = TokenBatch.leftPadded(
                    run.prompts().stream().map(EncodedPrompt::ids).toList(), PAD);
            Sums live = new Sums();
            Sums measured = new Sums();
            measured.add(curvature.measure(run.model(), run.prompts(), PAD, 0));
            try (Pass pass = run.model().forward(tokens, Mode.TRAINING_PROBED)) {
                ClassProbabilities classes = ClassProbabilities.of(pass.logits(), run.prompts());
                int[] labels = run.prompts().stream()
                        .mapToInt(prompt -> prompt.question().answerIndex().orElseThrow())
                        .toArray();
                float[] cotangent = classes.lossCotangent(labels, 1.0 / labels.length);
                pass.backward(pass.manager().create(cotangent, pass.logits().getShape()), false);
                live.add(curvature.ofTraining(pass, run.model().weights(), run.prompts(), 0, threads));
            }
            assertThat(live.blocks.keySet()).isEqualTo(measured.blocks.keySet());
            assertThat(live.blocks.containsKey("score")).isEqualTo(kind == TinyRun.Kind.CLASSIFIER);
            measured.blocks.forEach((block, of) -> {
                assertThat(Sums.distance(live.blocks.get(block).large, of.large))
                        .as(block)
                        .isLessThan(1e-5);
                assertThat(Sums.distance(live.blocks.get(block).small, of.small))
                        .as(block)
                        .isLessThan(1e-5);
            });
        }
    }

    /** As on a GPU. */
    @ParameterizedTest
    @EnumSource
    void shouldBeTheSameWhereTheBlocksAreReducedTogether(TinyRun.Kind kind) throws IOException {
        try (TinyRun run = new TinyRun(directory, 0.5, 6, kind);
                MathThreads threads = MathThreads.on(TestDevice.get())) {
            KfacEstimator curvature = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EMPIRICAL, 4, "r", 0);
            TokenBatch tokens = TokenBatch.leftPadded(
                    run.prompts().stream().map(EncodedPrompt::ids).toList(), PAD);
            BatchCurvature[] by = new BatchCurvature[2];
            try (Pass pass = run.model().forward(tokens, Mode.TRAINING_PROBED)) {
                ClassProbabilities classes = ClassProbabilities.of(pass.logits(), run.prompts());
                int[] labels = run.prompts().stream()
                        .mapToInt(prompt -> prompt.question().answerIndex().orElseThrow())
                        .toArray();
                float[] cotangent = classes.lossCotangent(labels, 1.0 / labels.length);
                pass.backward(pass.manager().create(cotangent, pass.logits().getShape()), false);
                int before = pass.manager().getManagedArrays().size();
                for (int i = 0; i < 2; i++) {
                    by[i] = curvature.ofTraining(pass, run.model().weights(), run.prompts(), 3, threads, i == 1);
                }
                assertThat(pass.manager().getManagedArrays().size())
                        .as("nothing is left behind")
                        .isLessThanOrEqualTo(before);
            }
            Sums alone = new Sums();
            Sums together = new Sums();
            alone.add(by[0]);
            together.add(by[1]);
            assertThat(together.blocks.keySet()).containsExactlyElementsOf(alone.blocks.keySet());
            assertThat(by[1].blocks()).anyMatch(block -> block.rows().count() == 8);
            alone.blocks.forEach((block, of) -> {
                assertThat(Sums.distance(together.blocks.get(block).large, of.large))
                        .as(block)
                        .isLessThan(1e-5);
                assertThat(Sums.distance(together.blocks.get(block).small, of.small))
                        .as(block)
                        .isLessThan(1e-9);
                assertThat(together.blocks.get(block).trace).as(block).isCloseTo(of.trace, withinPercentage(1e-5));
                assertThat(together.blocks.get(block).n).as(block).isEqualTo(of.n);
            });
        }
    }

    @Test
    void shouldCaptureInputsBeforeTheDropout() throws IOException {
        try (TinyRun run = new TinyRun(directory, 0.5, 4);
                MathThreads threads = MathThreads.on(TestDevice.get())) {
            KfacEstimator curvature = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EMPIRICAL, null, "r", 0);
            List<EncodedPrompt> batch = new ArrayList<>();
            List<BatchCurvature> live = new ArrayList<>();
            FineTuning.run(
                    run.model(), run.prompts(), PAD, new FineTuningSettings(2, 4, 0, 0, 1), new FineTuningListener() {
                        @Override
                        public boolean captures(int step) {
                            return step == 2;
                        }

                        @Override
                        public void captured(int step, Pass pass, List<EncodedPrompt> prompts) {
                            batch.addAll(prompts);
                            live.add(curvature.ofTraining(pass, run.model().weights(), prompts, step - 1, threads));
                        }

                        @Override
                        public boolean stepped(int step, double loss, double rate, long examples) {
                            return true;
                        }
                    });

            assertThat(live).as("only the step that asked for it").hasSize(1);
            BatchCurvature evaluated = curvature.measure(run.model(), batch, PAD, 1);
            BlockStatistics a = live.get(0).blocks().get(0);
            BlockStatistics b = live.get(0).blocks().get(1);
            float[] inputs = evaluated.blocks().get(0).rows().values();
            assertThat(a.rows().values()).hasSameSizeAs(inputs);
            for (int i = 0; i < inputs.length; i++) {
                assertThat(a.rows().values()[i]).isCloseTo(inputs[i], within(1e-5f));
            }
            assertThat(live.get(0).inputs()).hasSize(2);
            for (int layer = 0; layer < 2; layer++) {
                BlockStatistics input = live.get(0).inputs().get(layer);
                BlockStatistics expected = evaluated.inputs().get(layer);
                assertThat(input.block()).isEqualTo(ModelConfig.lastInput(layer));
                assertThat(input.n()).isEqualTo(4);
                assertThat(input.small()).containsExactly(4);
                assertThat(input.rows().count()).isEqualTo(4);
                assertThat(expected.rows().trace()).isPositive();
            }
            float[] first = evaluated.inputs().get(0).rows().values();
            assertThat(live.get(0).inputs().get(0).rows().values())
                    .as("the first layer reads what no dropout has touched")
                    .containsExactly(first, within(1e-5f));
            double[] lowRank = evaluated.blocks().get(1).small();
            assertThat(Sums.distance(b.small(), lowRank)).isLessThan(1e-5);
            assertThat(Sums.distance(a.small(), evaluated.blocks().get(0).small()))
                    .as("gradients are those of the pass with dropout")
                    .isGreaterThan(1e-3);
        }
    }
}
