package io.calibrant.scorer.predictive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.familiarity.Familiarity;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.LinearGradient;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.capture.StackedPass;
import io.calibrant.trainer.lora.ClassifierHead;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;

/**
 * The linearised predictive of an adapted model: one forward pass and one backward pass of all contrasts for a batch of
 * questions with any numbers of choices. A question's result does not depend on who shares its batch. Several threads
 * may predict at once.
 */
public final class Predictor implements AutoCloseable {
    /**
     * Rows that one backward pass may stack on the processor, contrasts x questions x tokens; a batch that would need
     * more is cut. More rows make no matrix product faster, they only take memory.
     */
    private static final long MOST_ROWS = 2048;

    /** The same on a GPU, which takes as long to be asked for a small product as for a large one. */
    private static final long MOST_ROWS_GPU = 16384;

    private final AdaptedModel adapted;
    private final NDManager manager;
    private final long mostRows;
    private final LongAdder covarianceNanos = new LongAdder();
    private final Map<String, Blocks> blocks = new LinkedHashMap<>();
    private final Familiarity familiarity;

    /** The two blocks of one adapted linear map; the head of a classifier has only the first, and it is its own. */
    private record Blocks(BlockProjection a, BlockProjection b) {}

    /**
     * Copies the posterior to the model's device.
     *
     * @param adapted the model with its adapter; not closed with this object
     * @param posterior one element per block of the adapter, in any order
     * @throws IllegalArgumentException if a block is missing, unknown or shaped otherwise than the adapter
     */
    public Predictor(AdaptedModel adapted, List<BlockPosterior> posterior) {
        this(adapted, posterior, (Familiarity) null);
    }

    /**
     * As {@link #Predictor(AdaptedModel, List)}.
     *
     * @param familiarity scores every question by what the forward pass has seen; null for none
     */
    public Predictor(AdaptedModel adapted, List<BlockPosterior> posterior, Familiarity familiarity) {
        this(adapted, posterior, adapted.maps(), familiarity);
        Set<String> unknown = new LinkedHashSet<>();
        posterior.forEach(block -> unknown.add(block.block()));
        blocks.keySet().forEach(path -> unknown.removeAll(List.of(path, path + ".lora_A", path + ".lora_B")));
        if (!unknown.isEmpty()) {
            manager.close();
            throw new IllegalArgumentException(
                    "posterior of block " + unknown.iterator().next() + ", which the adapter does not have");
        }
    }

    /**
     * A predictor in which only some of the adapted maps carry a covariance, as if the others were known for certain.
     * Below the lowest of them no gradient is needed; with none of them it is the plain forward pass, covariances of
     * zero and a novelty of 1.
     *
     * @param paths module paths of adapted maps, and that of a classifier's head where it is a block
     * @throws IllegalArgumentException if a path is not adapted, or a block is missing or shaped otherwise than the
     *     adapter
     */
    public Predictor(AdaptedModel adapted, List<BlockPosterior> posterior, Set<String> paths) {
        this(adapted, posterior, paths, null);
    }

    /**
     * As {@link #Predictor(AdaptedModel, List, Set)}.
     *
     * @param familiarity scores every question by what the forward pass has seen; null for none
     */
    public Predictor(AdaptedModel adapted, List<BlockPosterior> posterior, Set<String> paths, Familiarity familiarity) {
        if (!adapted.maps().containsAll(paths)) {
            throw new IllegalArgumentException("not all of " + paths + " are adapted; adapted are " + adapted.maps());
        }
        this.adapted = adapted;
        this.familiarity = familiarity;
        this.manager = adapted.model().newManager();
        this.mostRows = manager.getDevice().isGpu() ? MOST_ROWS_GPU : MOST_ROWS;
        DataType type = adapted.model().dataType();
        Map<String, BlockPosterior> given = new HashMap<>();
        posterior.forEach(block -> given.put(block.block(), block));
        boolean done = false;
        try {
            for (LoraWeights.Pair pair : adapted.weights().pairs().values()) {
                String path = pair.linear().path();
                if (!paths.contains(path)) {
                    continue;
                }
                blocks.put(
                        path,
                        new Blocks(
                                projection(
                                        given,
                                        path + ".lora_A",
                                        pair.rank(),
                                        pair.linear().inputs(),
                                        type),
                                projection(
                                        given,
                                        path + ".lora_B",
                                        pair.rank(),
                                        pair.linear().outputs(),
                                        type)));
            }
            if (paths.contains(ModelConfig.SCORE)) {
                ClassifierHead head = adapted.headBlock().orElseThrow();
                blocks.put(
                        ModelConfig.SCORE,
                        new Blocks(projection(given, ModelConfig.SCORE, head.classes(), head.width(), type), null));
            }
            done = true;
        } finally {
            if (!done) {
                manager.close();
            }
        }
    }

    private BlockProjection projection(
            Map<String, BlockPosterior> given, String name, int small, int large, DataType type) {
        BlockPosterior posterior = given.get(name);
        if (posterior == null) {
            throw new IllegalArgumentException("the posterior lacks block " + name + " of the adapter");
        }
        if (posterior.dimension() != large || posterior.s().length != small) {
            throw new IllegalArgumentException("block " + name + ": the adapter has sides of " + large + " and " + small
                    + ", the posterior of " + posterior.dimension() + " and " + posterior.s().length);
        }
        return new BlockProjection(manager, type, posterior);
    }

    /**
     * Mean and covariance of the contrasts of every question, and its novelty.
     *
     * @param prompts at least one; classes are places among the adapter's class tokens
     * @return in the order of the prompts
     * @throws IllegalArgumentException if a prompt is longer than the model's positions or has a token it does not know
     */
    public List<Predictive> predict(List<EncodedPrompt> prompts) {
        return predict(prompts, false);
    }

    /** As {@link #predict}, each with its {@link Predictive#projections}. */
    public List<Predictive> measure(List<EncodedPrompt> prompts) {
        return predict(prompts, true);
    }

    /**
     * Seconds spent so far on contracting and projecting gradients, all threads together: what the covariance costs
     * beside forward and backward pass. On a device that computes behind the caller's back it is the time of the
     * transfers.
     */
    public double covarianceSeconds() {
        return covarianceNanos.sum() / 1e9;
    }

    private List<Predictive> predict(List<EncodedPrompt> prompts, boolean measured) {
        List<Predictive> all = new ArrayList<>();
        int from = 0;
        while (from < prompts.size()) {
            int left = prompts.size() - from;
            int most = fitting(prompts.subList(from, prompts.size()));
            int passes = (left + most - 1) / most;
            int to = from + (left + passes - 1) / passes; // like parts: a small one at the end is a slow one
            all.addAll(predictTogether(prompts.subList(from, to), measured));
            from = to;
        }
        return all;
    }

    /** How many of the next questions one pass takes: as many as keep its stacked rows in bounds, at least one. */
    private int fitting(List<EncodedPrompt> prompts) {
        long tokens = 0;
        int contrasts = 0;
        for (int count = 0; count < prompts.size(); count++) {
            tokens = Math.max(tokens, prompts.get(count).length());
            contrasts = Math.max(contrasts, prompts.get(count).classes().length - 1);
            if (count > 0 && (count + 1) * tokens * contrasts > mostRows) {
                return count;
            }
        }
        return prompts.size();
    }

    private List<Predictive> predictTogether(List<EncodedPrompt> prompts, boolean measured) {
        TokenBatch batch =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), 0);
        int[] active =
                prompts.stream().mapToInt(prompt -> prompt.classes().length - 1).toArray();
        ContrastGrams grams =
                new ContrastGrams(active.length, Arrays.stream(active).max().orElseThrow());
        List<List<ContrastProjections>> projections = new ArrayList<>();
        prompts.forEach(prompt -> projections.add(new ArrayList<>()));
        double[] logits;
        List<double[]> lastInputs;
        if (blocks.isEmpty()) {
            try (Pass pass = adapted.forward(batch, Mode.PLAIN)) {
                logits = doubles(pass.logits());
                lastInputs = lastInputs(pass.lastInputs());
            }
        } else {
            try (StackedPass pass = adapted.stacked(batch, blocks.keySet())) {
                logits = doubles(pass.logits());
                lastInputs = lastInputs(pass.lastInputs());
                pass.backward(cotangents(prompts, active, pass), gradient -> {
                    long start = System.nanoTime();
                    add(gradient, grams, active, measured ? projections : null);
                    covarianceNanos.add(System.nanoTime() - start);
                });
            }
        }
        List<Predictive> result = new ArrayList<>();
        int classes = logits.length / prompts.size();
        for (int i = 0; i < prompts.size(); i++) {
            int[] own = prompts.get(i).classes();
            double[] mean = new double[own.length - 1];
            double reference = logits[i * classes + own[own.length - 1]];
            for (int c = 0; c < mean.length; c++) {
                mean[c] = logits[i * classes + own[c]] - reference;
            }
            result.add(grams.predictive(i, mean)
                    .with(projections.get(i))
                    .withFamiliarity(
                            familiarity == null
                                    ? OptionalDouble.empty()
                                    : OptionalDouble.of(familiarity.score(lastInputs, i))));
        }
        return result;
    }

    /** By layer [B, D] on the host, in one transfer; none where nobody asks. */
    private List<double[]> lastInputs(List<NDArray> layers) {
        if (familiarity == null) {
            return List.of();
        }
        try (NDArray all = NDArrays.concat(new NDList(layers))) {
            double[] values = doubles(all);
            int size = values.length / layers.size();
            return IntStream.range(0, layers.size())
                    .mapToObj(layer -> Arrays.copyOfRange(values, layer * size, (layer + 1) * size))
                    .toList();
        }
    }

    /**
     * s dy/dz of every contrast, [contrasts, B, K]: +s at the question's class c, -s at its last class; nothing for a
     * question that has no such contrast. s is a factor of every block's Jacobian, and backward passes are linear.
     */
    private NDArray cotangents(List<EncodedPrompt> prompts, int[] active, StackedPass pass) {
        int contrasts = Arrays.stream(active).max().orElseThrow();
        int classes = (int) pass.logits().getShape().get(1);
        double[] values = new double[contrasts * prompts.size() * classes];
        double scaling = adapted.settings().scaling();
        for (int i = 0; i < prompts.size(); i++) {
            int[] own = prompts.get(i).classes();
            for (int c = 0; c < active[i]; c++) {
                int row = (c * prompts.size() + i) * classes;
                values[row + own[c]] = scaling;
                values[row + own[own.length - 1]] = -scaling;
            }
        }
        Shape shape = new Shape(contrasts, prompts.size(), classes);
        return Constants.array(pass.manager(), values, shape, pass.logits().getDataType());
    }

    /**
     * Contracts the gradients of one map over the tokens to the Jacobians of its two blocks, small side first, [B, S,
     * r, Din] and [B, S, r, Dout], and adds what they give.
     *
     * @param projections of every question, to which those of the blocks are added; null where they are not wanted
     */
    private void add(
            LinearGradient gradient, ContrastGrams grams, int[] active, List<List<ContrastProjections>> projections) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            Blocks of = blocks.get(gradient.path());
            if (gradient.path().equals(ModelConfig.SCORE)) {
                add(of.a(), headJacobian(gradient), grams, active, projections);
                return;
            }
            Shape shape = gradient.projected().getShape(); // S, B, T, r
            NDArray ja = gradient.projected()
                    .transpose(1, 0, 3, 2)
                    .reshape(shape.get(1), shape.get(0) * shape.get(3), shape.get(2))
                    .batchMatMul(gradient.input())
                    .reshape(shape.get(1), shape.get(0), shape.get(3), -1);
            NDArray jb = gradient.lowRank()
                    .transpose(0, 2, 1)
                    .matMul(gradient.output())
                    .transpose(1, 0, 2, 3);
            add(of.a(), ja, grams, active, projections);
            add(of.b(), jb, grams, active, projections);
        }
    }

    /** dz/dW of a classifier's head: the outer product of contrast and input, [B, S, K, D]. */
    private static NDArray headJacobian(LinearGradient gradient) {
        Shape shape = gradient.output().getShape(); // S, B, 1, K
        return gradient.output()
                .transpose(1, 0, 3, 2)
                .reshape(shape.get(1), shape.get(0) * shape.get(3), 1)
                .batchMatMul(gradient.input())
                .reshape(shape.get(1), shape.get(0), shape.get(3), -1);
    }

    private static void add(
            BlockProjection projection,
            NDArray jacobian,
            ContrastGrams grams,
            int[] active,
            List<List<ContrastProjections>> projections) {
        projection.add(jacobian, grams);
        if (projections != null) {
            List<ContrastProjections> measured = projection.measure(jacobian, active);
            for (int i = 0; i < active.length; i++) {
                projections.get(i).add(measured.get(i));
            }
        }
    }

    private static double[] doubles(NDArray array) {
        if (array.getDataType() == DataType.FLOAT64) {
            return array.toDoubleArray();
        }
        float[] narrow = array.toFloatArray();
        double[] wide = new double[narrow.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = narrow[i];
        }
        return wide;
    }

    /** Frees the posterior; the adapted model stays. */
    @Override
    public void close() {
        manager.close();
    }
}
