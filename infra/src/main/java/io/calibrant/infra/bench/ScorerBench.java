package io.calibrant.infra.bench;

import ai.djl.ndarray.types.Shape;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.posterior.BlockPosterior;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.capture.AdaptedLlama;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.capture.StackedPass;
import io.calibrant.trainer.llama.Llama;
import io.calibrant.trainer.llama.TokenBatch;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * What a calibrated answer costs: the linearised predictive of a batch against the plain forward pass of the same batch, on
 * the same model in the same run.
 */
public final class ScorerBench {
    private static final int RANK = 10;
    private static final int[] BATCHES = {1, 4, 16};

    private final BenchSettings settings;

    /** A benchmark to run; nothing is loaded before {@link #run}. */
    public ScorerBench(BenchSettings settings) {
        this.settings = settings;
    }

    /** Runs, handing over each figure as it is known. */
    public void run(Consumer<Figure> figures) {
        try (BenchModel model = BenchModel.open(settings);
                AdaptedLlama adapted = new AdaptedLlama(model.llama(), model.adapter());
                Predictor predictor = new Predictor(adapted, posterior(model.adapter()))) {
            memory(model.llama(), adapted, predictor, figures); // first: the allocator keeps what larger batches took
            for (int batch : BATCHES) {
                time(model.llama(), adapted, predictor, batch, figures);
            }
        }
    }

    private void time(Llama llama, AdaptedLlama adapted, Predictor predictor, int batch, Consumer<Figure> figures) {
        List<EncodedPrompt> prompts = Workload.prompts(llama.config(), batch, settings.length(), settings.classes());
        double forward = Timing.seconds(settings.repetitions(), () -> forward(adapted, prompts));
        double all = Timing.seconds(settings.repetitions(), () -> predictor.predict(prompts));
        figures.accept(Figure.ratio(
                "scorer.all.batch" + batch + ".forwards", all, "plain forward of the same batch", forward, "s"));
        TokenBatch tokens =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), 0);
        double kept = Timing.seconds(
                settings.repetitions(), () -> adapted.stacked(tokens).close());
        double back = Timing.seconds(settings.repetitions(), () -> backward(adapted, tokens));
        System.err.println("batch " + batch + " forward with trace " + kept / forward + " with backward "
                + back / forward + " all " + all / forward);
        List<Predictive> predictives = predictor.predict(prompts);
        Link link = Link.monteCarlo();
        double linkSeconds = Timing.seconds(
                settings.repetitions(), () -> predictives.forEach(p -> link.predict(p.mean(), p.covariance())));
        figures.accept(Figure.ratio(
                "fitter.link.batch" + batch + ".share", linkSeconds, "the whole of the batch", all + linkSeconds, "s"));
    }

    private void memory(Llama llama, AdaptedLlama adapted, Predictor predictor, Consumer<Figure> figures) {
        List<EncodedPrompt> prompts = Workload.prompts(llama.config(), 4, settings.length(), settings.classes());
        double forward = Memory.peak(() -> forward(adapted, prompts));
        double all = Memory.peak(() -> predictor.predict(prompts));
        figures.accept(Figure.ratio(
                "scorer.peak_memory_to_forward", all, "peak resident memory of the forward, batch 4", forward, "MB"));
    }

    private void backward(AdaptedLlama adapted, TokenBatch tokens) {
        try (StackedPass pass = adapted.stacked(tokens)) {
            int classes = settings.classes();
            float[] values = new float[(classes - 1) * tokens.size() * classes];
            for (int i = 0; i < values.length; i++) {
                values[i] = i % 7 - 3;
            }
            pass.backward(
                    pass.manager().create(values, new Shape(classes - 1, tokens.size(), classes)), gradient -> {});
        }
    }

    private static void forward(AdaptedLlama adapted, List<EncodedPrompt> prompts) {
        TokenBatch batch =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), 0);
        try (Pass pass = adapted.forward(batch, Mode.PLAIN)) {
            pass.logits().toFloatArray();
        }
    }

    /** Factors of random orthogonal directions: the cost does not depend on the numbers. */
    static List<BlockPosterior> posterior(Adapter adapter) {
        SplittableRandom random = new SplittableRandom(3);
        List<BlockPosterior> blocks = new ArrayList<>();
        for (LoraMatrices pair : adapter.matrices().values()) {
            String path = pair.linear().path();
            blocks.add(block(random, path + ".lora_A", pair.linear().inputs(), pair.rank()));
            blocks.add(block(random, path + ".lora_B", pair.linear().outputs(), pair.rank()));
        }
        return blocks;
    }

    private static BlockPosterior block(SplittableRandom random, String name, int large, int small) {
        int k = Math.min(RANK, large);
        double[] u = new double[k * large];
        for (int i = 0; i < k; i++) {
            u[i * large + random.nextInt(i * large / k, (i + 1) * large / k)] = 1; // one axis out of each k-th part
        }
        double[] q = new double[small * small];
        for (int j = 0; j < small; j++) {
            q[j * small + j] = 1;
        }
        return new BlockPosterior(name, large, descending(k), u, 0.1, descending(small), q, 100, 1);
    }

    private static double[] descending(int count) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = count - i;
        }
        return values;
    }
}
