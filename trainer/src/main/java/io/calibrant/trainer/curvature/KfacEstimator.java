package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.MathThreads;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.capture.StackedPass;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * Measures the K-FAC curvature of every block on one batch (method.md sections 1 and 2):
 *
 * <pre>F = (1/n) (sum a a^T) (x) (sum g g^T)</pre>
 *
 * <p>with a the block's input and g the gradient of the per-example loss by its output, never divided by the batch
 * size. For a linear h = W0 x + s B (A x): lora_A has a = x, g = s B^T dL/dh; lora_B has a = A x, g = s dL/dh; of a
 * DoRA, h is what its row scales multiply, and these have no block. lm_head is evaluated at the last real token alone,
 * so its rows are those and its n is the number of examples under every convention. So is the head of a sequence
 * classifier where it is a block: a = h, g = dL/dz.
 *
 * <p>Weight gradients of single tokens are never formed; what one block needs is freed before the next.
 */
public final class KfacEstimator {
    private static final String LORA_A = ".lora_A";
    private static final String LORA_B = ".lora_B";

    /** Numbers of rows that are copied side by side at most, of a model whose layers are many or wide: 256 MB. */
    private static final long SIDE_BY_SIDE = 1L << 26;

    private final KfacApproximation kfac;
    private final FisherType fisher;
    private final Integer rank;
    private final String run;
    private final long seed;

    /**
     * How to measure.
     *
     * @param rank k: at most 2k rows of a large side are kept for a block and batch; null for all
     * @param run names the run: what is drawn depends on run, batch and block alone
     * @param seed of the sampled labels of the MC Fisher, together with the question's id
     */
    public KfacEstimator(KfacApproximation kfac, FisherType fisher, Integer rank, String run, long seed) {
        this.kfac = kfac;
        this.fisher = fisher;
        this.rank = rank;
        this.run = run;
        this.seed = seed;
    }

    /**
     * The curvature of one batch at the model's present weights, in evaluation mode (no dropout).
     *
     * @param prompts B labelled questions
     * @param pad id that fills the left of shorter prompts; changes nothing
     * @param batch sequence number, decides what the row reduction draws
     */
    public BatchCurvature measure(AdaptedModel model, List<EncodedPrompt> prompts, int pad, long batch) {
        TokenBatch tokens =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), pad);
        return measure(model, prompts, tokens, batch);
    }

    BatchCurvature measure(AdaptedModel model, List<EncodedPrompt> prompts, TokenBatch tokens, long batch) {
        int[] labels = labels(prompts);
        try (StackedPass pass = model.stacked(tokens)) {
            ClassProbabilities classes = ClassProbabilities.of(pass.logits(), prompts);
            int[] fisherLabels = fisher == FisherType.MC ? sample(classes, prompts) : labels;
            return measure(pass, model, classes, labels, fisherLabels, batch);
        }
    }

    /** With the labels of the MC or EMPIRICAL Fisher given. */
    BatchCurvature measure(
            StackedPass pass,
            AdaptedModel model,
            ClassProbabilities classes,
            int[] labels,
            int[] fisherLabels,
            long batch) {
        List<Cotangent> cotangents = fisher == FisherType.EXACT
                ? Cotangent.exact(classes.probabilities(), classes.classes(), classes.classCount())
                : List.of(Cotangent.ofLabels(classes, fisherLabels));
        boolean[][] active = cotangents.stream().map(Cotangent::active).toArray(boolean[][]::new);
        BatchRows rows = new BatchRows(pass.batch(), batch, RowReduction.THOROUGH, path -> 1, false);
        pass.backward(stacked(cotangents, pass, model.settings().scaling()), gradient -> {
            TokenRows of = rows.of(gradient.path());
            if (gradient.path().equals(ModelConfig.SCORE)) {
                rows.head(of.inputs(flat(gradient.input())), of.gradients(flat(gradient.output()), active));
                return;
            }
            rows.input(gradient.path(), () -> of.inputs(flat(gradient.input())));
            rows.lowRank(gradient.path(), of.inputs(flat(gradient.lowRank())));
            rows.gradient(
                    gradient.path(),
                    of.gradients(flat(gradient.output()), active),
                    of.gradients(flat(gradient.projected()), active));
        });
        return new BatchCurvature(
                rows.blocks(model.weights(), classes.classCount()),
                inputs(pass.lastInputs()),
                labels.length,
                classes.logLikelihood(labels),
                classes.right(labels));
    }

    /**
     * The EMPIRICAL curvature of a training pass, from the backward pass that training makes anyway: nothing is run
     * again. Inputs are those before LoRA's dropout, and A x is that of these inputs: a dropped input is larger in the
     * mean of its squares.
     *
     * @param pass in mode TRAINING_PROBED, after its backward pass from the mean loss over the B questions
     * @param prompts the B labelled questions of the pass
     * @param threads do the work, where it is the processor's; the result does not depend on how many they are
     */
    public BatchCurvature ofTraining(
            Pass pass, LoraWeights weights, List<EncodedPrompt> prompts, long batch, MathThreads threads) {
        return ofTraining(
                pass,
                weights,
                prompts,
                batch,
                threads,
                pass.manager().getDevice().isGpu());
    }

    /** @param together whether the rows of all blocks are reduced together, by the calling thread */
    BatchCurvature ofTraining(
            Pass pass,
            LoraWeights weights,
            List<EncodedPrompt> prompts,
            long batch,
            MathThreads threads,
            boolean together) {
        int[] labels = labels(prompts);
        // training differentiates the mean loss: undo the mean, and let s enter, which is not in dL/dh
        BatchRows rows = new BatchRows(
                pass.batch(), batch, RowReduction.QUICK, path -> pass.scaling(path) * labels.length, together);
        Map<String, List<String>> readers = new LinkedHashMap<>();
        List<Runnable> pieces = new ArrayList<>();
        for (String path : pass.linears()) {
            readers.computeIfAbsent(ModelConfig.inputOf(path), input -> new ArrayList<>())
                    .add(path);
            pieces.add(() -> gradient(pass, weights, path, rows));
        }
        readers.values().forEach(paths -> pieces.add(() -> input(pass, weights, paths, rows)));
        ClassProbabilities classes = ClassProbabilities.of(pass.logits(), prompts);
        pieces.add(() -> pass.headInput().ifPresent(h -> head(pass, h, classes.lossCotangent(labels, 1), rows)));
        if (together) {
            pieces.add(rows::reduceAll);
            Autograd.unrecorded(() -> {
                scoped(() -> pieces.forEach(Runnable::run)).run();
                return null;
            });
        } else {
            threads.run(pieces.stream().map(KfacEstimator::scoped).toList());
        }
        return new BatchCurvature(
                rows.blocks(weights, classes.classCount()),
                inputs(pass.lastInputs()),
                labels.length,
                classes.logLikelihood(labels),
                classes.right(labels));
    }

    /** One row an example and none reduced: the fitter scores some of them before it folds them. */
    private static List<BlockStatistics> inputs(List<NDArray> lastInputs) {
        List<BlockStatistics> inputs = new ArrayList<>();
        for (int layer = 0; layer < lastInputs.size(); layer++) {
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                FactorRows rows = RowReduction.unreduced(lastInputs.get(layer).toType(DataType.FLOAT32, false));
                inputs.add(BlockStatistics.ofInput(ModelConfig.lastInput(layer), rows, rows.count()));
            }
        }
        return inputs;
    }

    private static Runnable scoped(Runnable work) {
        return () -> {
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                work.run();
            }
        };
    }

    /** A classifier's head in a training pass: its output gradient is that of the logits. */
    private static void head(Pass pass, NDArray input, float[] gradient, BatchRows rows) {
        NDArray dz = Constants.array(pass.manager(), gradient, pass.logits().getShape(), DataType.FLOAT32);
        rows.head(rows.of(ModelConfig.SCORE).inputs(flat(input)), dz);
    }

    /** The output gradient of one map of a training pass. */
    private void gradient(Pass pass, LoraWeights weights, String path, BatchRows rows) {
        TokenRows of = rows.of(path);
        NDArray g = flat(pass.presentOutputGradient(path));
        // zeros, of padding, need not be left out where rows are reduced
        boolean zeros = rank != null && kfac == KfacApproximation.EXPAND && of.count() > 2 * rank;
        if (!zeros) {
            boolean[] everyone = new boolean[pass.batch().size()];
            Arrays.fill(everyone, true);
            g = of.gradients(g, everyone);
        }
        rows.gradient(path, g, narrow(g, weights.pairs().get(path).b().transpose()));
    }

    /** The input that these maps of a training pass read. */
    private static void input(Pass pass, LoraWeights weights, List<String> paths, BatchRows rows) {
        String first = paths.get(0);
        TokenRows of = rows.of(first);
        NDArray x = of.inputs(flat(pass.input(first)));
        rows.input(first, () -> x);
        for (String path : paths) {
            rows.lowRank(
                    path,
                    pass.dropout() > 0
                            ? narrow(x, weights.pairs().get(path).a())
                            : of.inputs(flat(pass.lowRank(path))));
        }
    }

    /**
     * wide weight^T for a weight of a few rows, [n, r]. As the transpose of weight wide^T, because the library's
     * products take long rows twice as fast as long columns.
     */
    private static NDArray narrow(NDArray wide, NDArray weight) {
        return weight.matMul(wide.transpose()).transpose();
    }

    /** The sums of one batch as they come, from any thread. */
    private final class BatchRows {
        private final long batch;
        private final int powerSteps;
        private final ToDoubleFunction<String> scale;
        private final TokenRows all;
        private final TokenRows last;
        private final Set<String> taken = ConcurrentHashMap.newKeySet();
        private final Map<String, FactorRows> large = new ConcurrentHashMap<>();
        private final Map<String, double[]> small = new ConcurrentHashMap<>();
        private final GroupedReduction grouped;

        /**
         * None yet.
         *
         * @param powerSteps of the reduction of rows
         * @param scale what the gradients of a map are still to be multiplied by
         * @param together whether rows wait for {@link #reduceAll}
         */
        BatchRows(TokenBatch tokens, long batch, int powerSteps, ToDoubleFunction<String> scale, boolean together) {
            grouped = together ? new GroupedReduction(rank, powerSteps, SIDE_BY_SIDE) : null;
            this.batch = batch;
            this.powerSteps = powerSteps;
            this.scale = scale;
            all = new TokenRows(kfac, tokens);
            last = TokenRows.oneEach(tokens.size());
        }

        TokenRows of(String path) {
            return ModelConfig.isHead(path) ? last : all;
        }

        /**
         * Takes the input of a map, unless it has been taken for another map that reads the same.
         *
         * @param rows gives the rows of the input [n, Din]
         */
        void input(String path, Supplier<NDArray> rows) {
            String name = ModelConfig.inputOf(path);
            if (taken.add(name)) {
                large(rows.get(), name, 1);
            }
        }

        /** Takes rows of A x [n, r] of a map. */
        void lowRank(String path, NDArray ax) {
            small(ax, path + LORA_B, 1);
        }

        /**
         * Takes the output gradient of a map.
         *
         * @param g rows of s dL/dh [rows, Dout], but for the scale
         * @param gb rows of s B^T dL/dh [rows, r], but for the scale
         */
        void gradient(String path, NDArray g, NDArray gb) {
            double times = scale.applyAsDouble(path);
            large(g, path + LORA_B, times);
            small(gb, path + LORA_A, times);
        }

        /**
         * Takes the block of a classifier's head: its large side is its input, of one row an example.
         *
         * @param x rows of the input [n, D]
         * @param dz rows of the gradient by the logits [rows, K]
         */
        void head(NDArray x, NDArray dz) {
            large(x, ModelConfig.SCORE, 1);
            small(dz, ModelConfig.SCORE, 1);
        }

        /** Reduces what waits for it. */
        void reduceAll() {
            grouped.run();
        }

        private void large(NDArray rows, String name, double times) {
            long seed = Seeds.of(run, batch, name);
            Consumer<FactorRows> taker = reduced -> large.put(name, times == 1 ? reduced : reduced.times(times));
            if (grouped != null) {
                grouped.large(rows.toType(DataType.FLOAT32, false), seed, taker);
                return;
            }
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                taker.accept(RowReduction.reduce(rows.toType(DataType.FLOAT32, false), rank, powerSteps, seed));
            }
        }

        private void small(NDArray rows, String name, double times) {
            Consumer<double[]> taker = sum -> {
                for (int i = 0; i < sum.length; i++) {
                    sum[i] *= times * times;
                }
                small.put(name, sum);
            };
            if (grouped != null) {
                grouped.small(rows, taker);
                return;
            }
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                NDArray wide = rows.toType(DataType.FLOAT64, false);
                taker.accept(wide.transpose().matMul(wide).toDoubleArray());
            }
        }

        /**
         * In the order of the forward pass; with the head, where it was taken.
         *
         * @param classes K
         */
        List<BlockStatistics> blocks(LoraWeights weights, int classes) {
            List<BlockStatistics> blocks = new ArrayList<>();
            weights.pairs().forEach((path, pair) -> {
                int r = pair.rank();
                int n = of(path).count();
                FactorRows inputs = large.get(ModelConfig.inputOf(path));
                FactorRows gradients = large.get(path + LORA_B);
                blocks.add(new BlockStatistics(path + LORA_A, inputs, small.get(path + LORA_A), r, n));
                blocks.add(new BlockStatistics(path + LORA_B, gradients, small.get(path + LORA_B), r, n));
            });
            if (large.containsKey(ModelConfig.SCORE)) {
                blocks.add(new BlockStatistics(
                        ModelConfig.SCORE,
                        large.get(ModelConfig.SCORE),
                        small.get(ModelConfig.SCORE),
                        classes,
                        last.count()));
            }
            return blocks;
        }
    }

    /** s times the cotangents, [S, B, K]: s is a factor of every g, and backward passes are linear. */
    private static NDArray stacked(List<Cotangent> cotangents, StackedPass pass, double scaling) {
        Shape logits = pass.logits().getShape();
        int size = Math.toIntExact(logits.size());
        double[] values = new double[cotangents.size() * size];
        for (int i = 0; i < values.length; i++) {
            values[i] = scaling * cotangents.get(i / size).values()[i % size];
        }
        return Constants.array(
                pass.manager(),
                values,
                new Shape(cotangents.size(), logits.get(0), logits.get(1)),
                pass.logits().getDataType());
    }

    /** [..., D] to [rows, D]. */
    private static NDArray flat(NDArray array) {
        return array.reshape(new Shape(-1, array.getShape().get(array.getShape().dimension() - 1)));
    }

    private static int[] labels(List<EncodedPrompt> prompts) {
        return prompts.stream()
                .mapToInt(prompt -> prompt.question()
                        .answerIndex()
                        .orElseThrow(() -> new IllegalArgumentException(
                                "question '" + prompt.question().id()
                                        + "': answer must be one of its choices (curvature needs labels), got none")))
                .toArray();
    }

    /** One label a question, from the model's own probabilities; which batch the question is in plays no part. */
    int[] sample(ClassProbabilities classes, List<EncodedPrompt> prompts) {
        int[] labels = new int[prompts.size()];
        for (int b = 0; b < labels.length; b++) {
            String id = prompts.get(b).question().id();
            double u = new SplittableRandom(Seeds.of("label", seed, id)).nextDouble();
            double[] p = classes.probabilities()[b];
            int label = 0;
            for (double below = p[0]; below <= u && label < p.length - 1; below += p[label]) {
                label++;
            }
            labels[b] = label;
        }
        return labels;
    }
}
