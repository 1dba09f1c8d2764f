package io.calibrant.infra.bench;

import io.calibrant.fitter.calibration.Member;
import io.calibrant.fitter.calibration.Mixture;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.familiarity.Familiarity;
import io.calibrant.fitter.familiarity.InputMoment;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.fitter.link.Link;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.capture.StackedPass;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/**
 * What a calibrated answer costs, familiarity included: the linearised predictive of a batch against the plain forward
 * pass of the same batch, on the same model in the same run.
 */
public final class ScorerBench {
    private static final int RANK = 10;
    private static final int[] BATCHES = {1, 4, 16};

    private final BenchSettings settings;

    /** A benchmark to run; nothing is loaded before {@link #run}. */
    public ScorerBench(BenchSettings settings) {
        this.settings = settings;
    }

    /** Runs the benchmark and gives each figure to the consumer. */
    public void run(Consumer<Figure> figures) {
        try (BenchModel model = BenchModel.open(settings);
                AdaptedModel adapted = new AdaptedModel(model.model(), model.adapter());
                Predictor all = predictor(Tier.ALL, adapted, model.adapter());
                Predictor lastLayer = predictor(Tier.LAST_LAYER, adapted, model.adapter());
                Predictor map = predictor(Tier.MAP, adapted, model.adapter())) {
            if (!settings.device().isGpu()) { // whose memory is not the process's
                memory(model.model(), adapted, all, figures); // first: the allocator keeps what larger batches took
            }
            double perQuestion = tiers(adapted, all, lastLayer, map, figures);
            shares(adapted, all, prompts(model.model(), 4), figures);
            threads(all, prompts(model.model(), 4), figures);
            new ScorerPathBench(settings, perQuestion, prompts -> alone(all, prompts)).run(figures);
        }
    }

    /** Every tier against the plain forward pass. @return seconds of a question at tier all, in batches of four */
    double tiers(AdaptedModel adapted, Predictor all, Predictor lastLayer, Predictor map, Consumer<Figure> figures) {
        double perQuestion = 0;
        for (int batch : BATCHES) {
            List<EncodedPrompt> prompts = prompts(adapted.model(), batch);
            double forward = Timing.seconds(settings.repetitions(), () -> forward(adapted, prompts));
            double seconds = tier("all", all, prompts, forward, figures) / batch;
            perQuestion = batch == 4 ? seconds : perQuestion;
            tier("last-layer", lastLayer, prompts, forward, figures);
            tier("map", map, prompts, forward, figures);
            averaged(map, prompts, forward, figures);
        }
        return perQuestion;
    }

    static Predictor predictor(Tier tier, AdaptedModel adapted, Adapter adapter) {
        Familiarity familiarity = familiarity(adapted.model().config());
        return new Predictor(adapted, posterior(adapter), tier.paths(adapted.maps()), familiarity);
    }

    private List<EncodedPrompt> prompts(LanguageModel base, int batch) {
        return Workload.prompts(base.config(), batch, settings.length(), settings.classes());
    }

    /** Seconds that prediction and link of a batch take. */
    private double alone(Predictor predictor, List<EncodedPrompt> prompts) {
        Link link = Link.monteCarlo();
        return Timing.seconds(
                settings.repetitions(),
                () -> predictor.predict(prompts).forEach(p -> link.predict(p.mean(), p.covariance())));
    }

    /** Tier forward: the plain forward pass, and its three members for every question. */
    private void averaged(Predictor map, List<EncodedPrompt> prompts, double forward, Consumer<Figure> figures) {
        Link link = Link.monteCarlo();
        List<Member> members = List.of(
                new Member(Member.NOISE, 1, 0.01, 30.0, 0.3, null),
                new Member(Member.TEMPERATURE, 1.5, 0, null, 0.3, null),
                new Member(Member.TEMPERATURE_NOISE, 1.2, 0.02, 30.0, 0.4, null));
        double seconds = Timing.seconds(
                settings.repetitions(),
                () -> map.predict(prompts).forEach(each -> Mixture.of(members, link, each.mean(), each.covariance())));
        figures(Tier.FORWARD.label(), prompts.size(), seconds, forward, figures);
    }

    private double tier(
            String name, Predictor predictor, List<EncodedPrompt> prompts, double forward, Consumer<Figure> figures) {
        double seconds = Timing.seconds(settings.repetitions(), () -> predictor.predict(prompts));
        figures(name, prompts.size(), seconds, forward, figures);
        return seconds;
    }

    private static void figures(String tier, int batch, double seconds, double forward, Consumer<Figure> figures) {
        String prefix = "scorer." + tier + ".batch" + batch;
        figures.accept(Figure.ratio(prefix + ".forwards", seconds, "plain forward of the same batch", forward, "s"));
        figures.accept(Figure.absolute(prefix + ".questions_per_second", batch / seconds, "1/s"));
    }

    /**
     * What a batch's time goes into; forward and link are run alone, the backward pass is what is left of the whole.
     */
    private void shares(
            AdaptedModel adapted, Predictor predictor, List<EncodedPrompt> prompts, Consumer<Figure> figures) {
        TokenBatch tokens =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), 0);
        int repetitions = settings.repetitions();
        double forward = Timing.seconds(repetitions, () -> {
            try (StackedPass pass = adapted.stacked(tokens)) {
                pass.logits().toFloatArray(); // a GPU answers when all that was asked before is done
            }
        });
        double best = Double.MAX_VALUE;
        double covariance = 0;
        for (int i = 0; i <= repetitions; i++) {
            double before = predictor.covarianceSeconds();
            long start = System.nanoTime();
            predictor.predict(prompts);
            double seconds = (System.nanoTime() - start) / 1e9;
            if (i > 0 && seconds < best) {
                best = seconds;
                covariance = predictor.covarianceSeconds() - before;
            }
        }
        List<Predictive> predictives = predictor.predict(prompts);
        Link link = Link.monteCarlo();
        double links =
                Timing.seconds(repetitions, () -> predictives.forEach(p -> link.predict(p.mean(), p.covariance())));
        double whole = best + links;
        String of = "the whole of a batch of " + prompts.size();
        figures.accept(Figure.ratio("scorer.forward.share", forward, of, whole, "s"));
        figures.accept(Figure.ratio("scorer.backward.share", best - forward - covariance, of, whole, "s"));
        figures.accept(Figure.ratio("scorer.covariance.share", covariance, of, whole, "s"));
        figures.accept(Figure.ratio("scorer.link.share", links, of, whole, "s"));
        figures.accept(Figure.ratio("scorer.outside_forward_backward.share", covariance + links, of, whole, "s"));
    }

    /** Two scorer threads on one copy of the model, half the math threads each, against one with all of them. */
    private void threads(Predictor predictor, List<EncodedPrompt> prompts, Consumer<Figure> figures) {
        int math = Autograd.mathThreads();
        double one = Timing.seconds(settings.repetitions(), () -> {
            predictor.predict(prompts);
            predictor.predict(prompts);
        });
        ExecutorService two = Executors.newFixedThreadPool(2);
        try {
            double both = Timing.seconds(settings.repetitions(), () -> {
                List<CompletableFuture<Void>> running = new ArrayList<>();
                for (int i = 0; i < 2; i++) {
                    running.add(CompletableFuture.runAsync(
                            () -> {
                                Autograd.mathThreads(Math.max(1, math / 2));
                                predictor.predict(prompts);
                            },
                            two));
                }
                running.forEach(CompletableFuture::join);
            });
            figures.accept(new Figure(
                    "scorer.two_threads.throughput",
                    one / both,
                    "ratio",
                    "one scorer thread with " + math + " math threads",
                    2 * prompts.size() / one,
                    "questions/s",
                    ""));
        } finally {
            two.shutdown();
            Autograd.mathThreads(math); // what one thread sets is also what threads made later start with
        }
    }

    private void memory(LanguageModel base, AdaptedModel adapted, Predictor predictor, Consumer<Figure> figures) {
        List<EncodedPrompt> prompts = Workload.prompts(base.config(), 4, settings.length(), settings.classes());
        double forward = Memory.peak(() -> forward(adapted, prompts));
        double all = Memory.peak(() -> predictor.predict(prompts));
        figures.accept(Figure.ratio(
                "scorer.peak_memory_to_forward", all, "peak resident memory of the forward, batch 4", forward, "MB"));
    }

    private static void forward(AdaptedModel adapted, List<EncodedPrompt> prompts) {
        TokenBatch batch =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), 0);
        try (Pass pass = adapted.forward(batch, Mode.PLAIN)) {
            pass.logits().toFloatArray();
        }
    }

    /** Moments of the inputs of every layer: the cost does not depend on the numbers. */
    private static Familiarity familiarity(ModelConfig config) {
        SplittableRandom random = new SplittableRandom(4);
        List<Integer> layers = new ArrayList<>();
        List<InputMoment> moments = new ArrayList<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            double[] columns = new double[RANK * config.width()];
            double trace = 0;
            for (int i = 0; i < columns.length; i++) {
                columns[i] = random.nextGaussian();
                trace += 2 * columns[i] * columns[i];
            }
            layers.add(layer);
            moments.add(InputMoment.of(new Columns(config.width(), RANK, Rows.of(columns), trace), 100));
        }
        return new Familiarity(layers, moments);
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
