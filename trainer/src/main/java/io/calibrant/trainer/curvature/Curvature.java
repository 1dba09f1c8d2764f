package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.capture.AdaptedLlama;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.capture.StackedPass;
import io.calibrant.trainer.llama.Constants;
import io.calibrant.trainer.llama.LlamaConfig;
import io.calibrant.trainer.llama.TokenBatch;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Measures the K-FAC curvature of every block on one batch (method.md sections 1 and 2):
 *
 * <pre>F = (1/n) (sum a a^T) (x) (sum g g^T)</pre>
 *
 * <p>with a the block's input and g the gradient of the per-example loss by its output, never divided by the batch size.
 * For a linear h = W0 x + s B (A x): lora_A has a = x, g = s B^T dL/dh; lora_B has a = A x, g = s dL/dh. lm_head is
 * evaluated at the last real token alone, so its rows are those and its n is the number of examples under every
 * convention.
 *
 * <p>Weight gradients of single tokens are never formed; what one block needs is freed before the next.
 */
public final class Curvature {
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
    public Curvature(KfacApproximation kfac, FisherType fisher, Integer rank, String run, long seed) {
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
    public BatchCurvature measure(AdaptedLlama model, List<EncodedPrompt> prompts, int pad, long batch) {
        TokenBatch tokens =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), pad);
        return measure(model, prompts, tokens, batch);
    }

    BatchCurvature measure(AdaptedLlama model, List<EncodedPrompt> prompts, TokenBatch tokens, long batch) {
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
            AdaptedLlama model,
            ClassProbabilities classes,
            int[] labels,
            int[] fisherLabels,
            long batch) {
        List<Cotangent> cotangents = fisher == FisherType.EXACT
                ? Cotangent.exact(classes.probabilities(), classes.classes(), classes.classCount())
                : List.of(Cotangent.ofLabels(classes, fisherLabels));
        boolean[][] active = cotangents.stream().map(Cotangent::active).toArray(boolean[][]::new);
        BatchRows rows = new BatchRows(pass.batch(), batch);
        pass.backward(stacked(cotangents, pass, model.settings().scaling()), gradient -> {
            TokenRows of = rows.of(gradient.path());
            rows.add(
                    gradient.path(),
                    of.inputs(flat(gradient.input())),
                    of.inputs(flat(gradient.lowRank())),
                    of.gradients(flat(gradient.output()), active),
                    of.gradients(flat(gradient.projected()), active));
        });
        return new BatchCurvature(rows.blocks(model.weights()), labels.length, classes.logLikelihood(labels));
    }

    /**
     * The EMPIRICAL curvature of a training pass, from the backward pass that training makes anyway: nothing is run again.
     *
     * @param pass in mode TRAINING_PROBED, after its backward pass from the mean loss over the B questions
     * @param prompts the B labelled questions of the pass
     */
    public BatchCurvature ofTraining(Pass pass, LoraWeights weights, List<EncodedPrompt> prompts, long batch) {
        int[] labels = labels(prompts);
        boolean[][] active = {new boolean[labels.length]};
        Arrays.fill(active[0], true);
        BatchRows rows = new BatchRows(pass.batch(), batch);
        // training differentiates the mean loss: undo the mean, and let s enter, which is not in dL/dh
        NDArray scale = pass.manager()
                .create(new float[] {(float) (pass.scaling() * labels.length)})
                .toType(pass.logits().getDataType(), true);
        Autograd.unrecorded(() -> {
            for (String path : pass.linears()) {
                try (NDScope scope = new NDScope()) {
                    scope.suppressNotUsedWarning();
                    TokenRows of = rows.of(path);
                    NDArray g = of.gradients(flat(pass.outputGradient(path)), active)
                            .mul(scale);
                    NDArray x = of.inputs(flat(pass.input(path)));
                    NDArray ax = of.inputs(flat(pass.lowRank(path)));
                    rows.add(path, x, ax, g, g.matMul(weights.pairs().get(path).b()));
                }
            }
            return null;
        });
        return new BatchCurvature(
                rows.blocks(weights),
                labels.length,
                ClassProbabilities.of(pass.logits(), prompts).logLikelihood(labels));
    }

    /** The blocks of one batch as they come. */
    private final class BatchRows {
        private final long batch;
        private final TokenRows all;
        private final TokenRows last;
        private final Map<String, List<BlockStatistics>> blocks = new HashMap<>();
        private String sharedName = "";
        private Rows shared;

        BatchRows(TokenBatch tokens, long batch) {
            this.batch = batch;
            all = new TokenRows(kfac, tokens);
            last = TokenRows.oneEach(tokens.size());
        }

        TokenRows of(String path) {
            return path.equals(LlamaConfig.HEAD) ? last : all;
        }

        /**
         * Takes one map.
         *
         * @param x rows of its input [n, Din]
         * @param ax rows of A x [n, R]
         * @param g rows of s dL/dh [rows, Dout]
         * @param gb rows of s B^T dL/dh [rows, R]
         */
        void add(String path, NDArray x, NDArray ax, NDArray g, NDArray gb) {
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                // Maps that read the same input follow each other: its rows are reduced once.
                String input = LlamaConfig.inputOf(path);
                if (!input.equals(sharedName)) {
                    shared = reduce(x, input);
                    sharedName = input;
                }
                int n = of(path).count();
                String a = path + ".lora_A";
                String b = path + ".lora_B";
                blocks.put(
                        path,
                        List.of(
                                new BlockStatistics(a, shared, small(gb), width(gb), n),
                                new BlockStatistics(b, reduce(g, b), small(ax), width(ax), n)));
            }
        }

        private Rows reduce(NDArray rows, String name) {
            return RowReduction.reduce(rows.toType(DataType.FLOAT32, false), rank, Seeds.of(run, batch, name));
        }

        private static double[] small(NDArray rows) {
            NDArray wide = rows.toType(DataType.FLOAT64, false);
            return wide.transpose().matMul(wide).toDoubleArray();
        }

        private static int width(NDArray rows) {
            return Math.toIntExact(rows.getShape().get(1));
        }

        /** In the order of the forward pass. */
        List<BlockStatistics> blocks(LoraWeights weights) {
            return weights.pairs().keySet().stream()
                    .flatMap(path -> blocks.get(path).stream())
                    .toList();
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
                        .orElseThrow(() -> new IllegalArgumentException("question '"
                                + prompt.question().id() + "' has no answer: curvature needs labelled questions")))
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
