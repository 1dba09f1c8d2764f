package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.capture.AdaptedLlama;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.llama.LlamaConfig;
import io.calibrant.trainer.llama.TokenBatch;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
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
        try (Pass pass = model.forward(tokens, Mode.PROBED)) {
            ClassProbabilities classes = ClassProbabilities.of(pass.logits(), prompts);
            int[] fisherLabels = fisher == FisherType.MC ? sample(classes, prompts) : labels;
            return measure(pass, model.weights(), classes, labels, fisherLabels, batch);
        }
    }

    /** With the labels of the MC or EMPIRICAL Fisher given. */
    BatchCurvature measure(
            Pass pass, LoraWeights weights, ClassProbabilities classes, int[] labels, int[] fisherLabels, long batch) {
        List<Cotangent> cotangents = fisher == FisherType.EXACT
                ? Cotangent.exact(classes.probabilities(), classes.classes(), classes.classCount())
                : List.of(Cotangent.ofLabels(classes, fisherLabels));
        Map<String, TokenRows> rowsOf = new LinkedHashMap<>();
        Map<String, NDList> gradients = new LinkedHashMap<>();
        for (String path : pass.linears()) {
            rowsOf.put(path, tokenRows(path, pass.batch()));
            gradients.put(path, new NDList());
        }
        for (int i = 0; i < cotangents.size(); i++) {
            backward(pass, cotangents.get(i), i < cotangents.size() - 1);
            for (String path : pass.linears()) {
                gradients
                        .get(path)
                        .add(gradientRows(
                                pass, path, rowsOf.get(path), cotangents.get(i).active()));
            }
        }
        return new BatchCurvature(
                blocks(pass, weights, rowsOf, gradients, batch), labels.length, classes.logLikelihood(labels));
    }

    /**
     * The EMPIRICAL curvature of a training pass, from the backward pass that training makes anyway: nothing is run again.
     *
     * @param pass in mode TRAINING_PROBED, after its backward pass from the mean loss over the B questions
     * @param prompts the B labelled questions of the pass
     */
    public BatchCurvature ofTraining(Pass pass, LoraWeights weights, List<EncodedPrompt> prompts, long batch) {
        int[] labels = labels(prompts);
        boolean[] active = new boolean[labels.length];
        Arrays.fill(active, true);
        Map<String, TokenRows> rowsOf = new LinkedHashMap<>();
        Map<String, NDList> gradients = new LinkedHashMap<>();
        // training differentiates the mean loss: undo the mean, and let s enter, which is not in dL/dh
        NDArray scale = pass.manager()
                .create(new float[] {(float) (pass.scaling() * labels.length)})
                .toType(pass.logits().getDataType(), true);
        for (String path : pass.linears()) {
            rowsOf.put(path, tokenRows(path, pass.batch()));
            NDArray rows = gradientRows(pass, path, rowsOf.get(path), active);
            gradients.put(path, new NDList(Autograd.unrecorded(() -> rows.muli(scale))));
        }
        return new BatchCurvature(
                blocks(pass, weights, rowsOf, gradients, batch),
                labels.length,
                ClassProbabilities.of(pass.logits(), prompts).logLikelihood(labels));
    }

    private TokenRows tokenRows(String path, TokenBatch batch) {
        if (path.equals(LlamaConfig.HEAD)) {
            return TokenRows.oneEach(batch.size());
        }
        long[][] rows = new long[batch.size()][];
        for (int b = 0; b < rows.length; b++) {
            int example = b;
            rows[b] = java.util.stream.IntStream.range(0, batch.tokens())
                    .filter(t -> batch.isReal(example, t))
                    .mapToLong(t -> (long) example * batch.tokens() + t)
                    .toArray();
        }
        return new TokenRows(kfac, rows);
    }

    /** Starts from s times the cotangent: s is a factor of every g, and backward passes are linear. */
    private static void backward(Pass pass, Cotangent cotangent, boolean keepGraph) {
        float[] values = cotangent.values().clone();
        for (int i = 0; i < values.length; i++) {
            values[i] *= (float) pass.scaling();
        }
        try (NDArray host = pass.manager().create(values, pass.logits().getShape());
                NDArray start = host.toType(pass.logits().getDataType(), true)) {
            pass.backward(start, keepGraph);
        }
    }

    /** A copy that outlives the next backward pass: [rows, Dout]. */
    private static NDArray gradientRows(Pass pass, String path, TokenRows rows, boolean[] active) {
        return Autograd.unrecorded(() -> {
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                NDArray selected = rows.gradients(flat(pass.outputGradient(path)), active);
                NDScope.unregister(selected);
                return selected;
            }
        });
    }

    private List<BlockStatistics> blocks(
            Pass pass, LoraWeights weights, Map<String, TokenRows> rowsOf, Map<String, NDList> gradients, long batch) {
        List<BlockStatistics> blocks = new ArrayList<>();
        for (String path : pass.linears()) {
            blocks.addAll(Autograd.unrecorded(() -> {
                try (NDScope scope = new NDScope();
                        NDList perPass = gradients.get(path)) {
                    scope.suppressNotUsedWarning();
                    TokenRows rows = rowsOf.get(path);
                    NDArray g = perPass.size() == 1 ? perPass.get(0) : NDArrays.concat(perPass, 0);
                    NDArray x = rows.inputs(flat(pass.input(path)));
                    NDArray ax = rows.inputs(flat(pass.lowRank(path)));
                    NDArray b = weights.pairs().get(path).b();
                    return List.of(
                            block(path + ".lora_A", x, g.matMul(b), rows.count(), batch),
                            block(path + ".lora_B", g, ax, rows.count(), batch));
                }
            }));
        }
        return blocks;
    }

    private BlockStatistics block(String name, NDArray large, NDArray small, int n, long batch) {
        NDArray wide = small.toType(DataType.FLOAT64, false);
        double[] sum = wide.transpose().matMul(wide).toDoubleArray();
        return new BlockStatistics(
                name,
                RowReduction.reduce(large.toType(DataType.FLOAT32, false), rank, Seeds.of(run, batch, name)),
                sum,
                Math.toIntExact(small.getShape().get(1)),
                n);
    }

    /** [B, T, D] to [B T, D]. */
    private static NDArray flat(NDArray array) {
        return array.reshape(new Shape(-1, array.getShape().get(2)));
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
