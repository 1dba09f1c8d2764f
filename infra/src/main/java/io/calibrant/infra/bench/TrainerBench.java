package io.calibrant.infra.bench;

import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.finetuning.FineTuning;
import io.calibrant.trainer.finetuning.FineTuningSettings;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.List;
import java.util.function.Consumer;

/**
 * What fine-tuning and the curvature pass cost, against the plain forward pass of the same batch in the same run; and
 * whether memory stays flat over many steps.
 */
public final class TrainerBench {
    private static final int RANK = 10;

    /** Small enough for a thousand steps; every kind of array of a step occurs in it. */
    private static final ModelConfig TINY = ModelConfig.llama(new ModelSizes(512, 64, 3, 4, 2, 16, 128, 256), false);

    private final BenchSettings settings;

    /** A benchmark to run; nothing is loaded before {@link #run}. */
    public TrainerBench(BenchSettings settings) {
        this.settings = settings;
    }

    /** Runs the benchmark and gives each figure to the consumer. */
    public void run(Consumer<Figure> figures) {
        if (settings.memorySteps() > 0) {
            figures.accept(memory()); // first: the allocator keeps what the large model took
        }
        try (BenchModel model = BenchModel.open(settings);
                AdaptedModel adapted = new AdaptedModel(model.model(), model.adapter())) {
            List<EncodedPrompt> prompts =
                    Workload.prompts(model.model().config(), settings.batch(), settings.length(), settings.classes());
            TokenBatch batch = TokenBatch.leftPadded(
                    prompts.stream().map(EncodedPrompt::ids).toList(), 0);
            double forward = Timing.seconds(settings.repetitions(), () -> forward(adapted, batch));
            figures.accept(Figure.absolute("trainer.forward.seconds", forward, "s"));

            figures.accept(Figure.ratio(
                    "trainer.step.forwards", steps(adapted, prompts), "plain forward of the same batch", forward, "s"));

            // Taken in turns, so that a disturbance of the machine falls on both.
            double[] step = Timing.paired(
                    settings.repetitions(),
                    () -> gradients(adapted, batch, Mode.TRAINING),
                    () -> gradients(adapted, batch, Mode.TRAINING_PROBED));
            figures.accept(Figure.ratio(
                    "trainer.step.capture_overhead", step[1], "forward and backward without capture", step[0], "s"));

            KfacEstimator exact = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EXACT, RANK, "bench", 0);
            double curvature = Timing.seconds(settings.repetitions(), () -> exact.measure(adapted, prompts, 0, 0));
            figures.accept(Figure.ratio(
                    "trainer.curvature_exact.forwards", curvature, "plain forward of the same batch", forward, "s"));
        }
    }

    private static void forward(AdaptedModel adapted, TokenBatch batch) {
        try (Pass pass = adapted.forward(batch, Mode.PLAIN)) {
            pass.logits().toFloatArray();
        }
    }

    /** Seconds of the fastest whole step: forward, backward, optimizer. */
    private double steps(AdaptedModel adapted, List<EncodedPrompt> prompts) {
        long[] last = {System.nanoTime()};
        double[] best = {Double.MAX_VALUE};
        FineTuning.run(
                adapted,
                prompts,
                0,
                new FineTuningSettings(settings.repetitions() + 1, prompts.size(), 1e-5, 0.01, 0),
                (done, loss, rate, examples) -> {
                    long now = System.nanoTime();
                    if (done > 1) {
                        best[0] = Math.min(best[0], (now - last[0]) / 1e9);
                    }
                    last[0] = now;
                    return true;
                });
        return best[0];
    }

    /** Forward and backward; where the pass probes, every x_t and g_t is taken out of it. */
    private static void gradients(AdaptedModel adapted, TokenBatch batch, Mode mode) {
        try (Pass pass = adapted.forward(batch, mode)) {
            int classes = (int) pass.logits().getShape().get(1);
            float[] cotangent = new float[batch.size() * classes];
            for (int b = 0; b < batch.size(); b++) {
                cotangent[b * classes] = 1f / batch.size();
                cotangent[b * classes + 1] = -1f / batch.size();
            }
            pass.backward(pass.manager().create(cotangent, pass.logits().getShape()), false);
            for (String path : pass.linears()) {
                pass.input(path);
                pass.outputGradient(path);
            }
            pass.logits().toFloatArray(); // a GPU answers when all that was asked before is done
        } finally {
            adapted.weights().setTrainable(false);
        }
    }

    /** Resident memory gained between a tenth of the steps and the last one. */
    private Figure memory() {
        int steps = settings.memorySteps();
        int settled = Math.max(1, steps / 10);
        double[] resident = new double[2];
        try (BenchModel model = BenchModel.random(TINY, settings);
                AdaptedModel adapted = new AdaptedModel(model.model(), model.adapter())) {
            List<EncodedPrompt> prompts = Workload.prompts(TINY, 40, 64, settings.classes());
            FineTuning.run(
                    adapted,
                    prompts,
                    0,
                    new FineTuningSettings(steps, settings.batch(), 1e-4, 0.01, 0),
                    (done, loss, rate, examples) -> {
                        if (done == settled) {
                            resident[0] = Memory.resident();
                        }
                        if (done == steps) {
                            resident[1] = Memory.resident();
                        }
                        return true;
                    });
        }
        return Figure.ratio(
                "trainer.memory.after_" + steps + "_steps",
                resident[1],
                "resident memory after " + settled + " steps of a tiny model",
                resident[0],
                "MB");
    }
}
