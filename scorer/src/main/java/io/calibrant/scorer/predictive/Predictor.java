package io.calibrant.scorer.predictive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.fitter.posterior.BlockPosterior;
import io.calibrant.trainer.capture.AdaptedLlama;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.llama.Constants;
import io.calibrant.trainer.llama.TokenBatch;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The linearised predictive of an adapted model: one forward and at most C - 1 backward passes for a batch of questions
 * with any numbers of choices. A question's result does not depend on who shares its batch. Not for use by several threads.
 */
public final class Predictor implements AutoCloseable {
    /** Numbers of contrast Jacobians that may be held at once; a batch that would need more is cut. */
    private static final long MOST_HELD = 1L << 26;

    private final AdaptedLlama adapted;
    private final NDManager manager;
    private final NDArray scaling;
    private final Map<String, Blocks> blocks = new LinkedHashMap<>();
    private final long parameters;

    /** The two blocks of one adapted linear map. */
    private record Blocks(BlockProjection a, BlockProjection b) {}

    /**
     * Copies the posterior to the model's device.
     *
     * @param adapted the model with its adapter; not closed with this object
     * @param posterior one element per block of the adapter, in any order
     * @throws IllegalArgumentException if a block is missing, unknown or shaped otherwise than the adapter
     */
    public Predictor(AdaptedLlama adapted, List<BlockPosterior> posterior) {
        this(adapted, posterior, adapted.weights().pairs().keySet());
        Set<String> unknown = new LinkedHashSet<>();
        posterior.forEach(block -> unknown.add(block.block()));
        blocks.keySet().forEach(path -> unknown.removeAll(List.of(path + ".lora_A", path + ".lora_B")));
        if (!unknown.isEmpty()) {
            manager.close();
            throw new IllegalArgumentException(
                    "posterior of block " + unknown.iterator().next() + ", which the adapter does not have");
        }
    }

    /**
     * A predictor in which only some of the adapted maps carry a covariance, as if the others were known for certain.
     * Below the lowest of them no gradient is needed; with none of them it is the plain forward pass, covariances of zero
     * and a novelty of 1.
     *
     * @param paths module paths of adapted maps
     * @throws IllegalArgumentException if a path is not adapted, or a block is missing or shaped otherwise than the adapter
     */
    public Predictor(AdaptedLlama adapted, List<BlockPosterior> posterior, Set<String> paths) {
        if (!adapted.weights().pairs().keySet().containsAll(paths)) {
            throw new IllegalArgumentException("not all of " + paths + " are adapted; adapted are "
                    + adapted.weights().pairs().keySet());
        }
        this.adapted = adapted;
        this.manager = adapted.model().newManager();
        DataType type = adapted.model().dataType();
        Map<String, BlockPosterior> given = new HashMap<>();
        posterior.forEach(block -> given.put(block.block(), block));
        long sum = 0;
        boolean done = false;
        try {
            scaling = Constants.array(manager, new double[] {adapted.settings().scaling()}, new Shape(1), type);
            int rank = adapted.settings().rank();
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
                                        rank,
                                        pair.linear().inputs(),
                                        type),
                                projection(
                                        given,
                                        path + ".lora_B",
                                        rank,
                                        pair.linear().outputs(),
                                        type)));
                sum += (long) rank * (pair.linear().inputs() + pair.linear().outputs());
            }
            done = true;
        } finally {
            if (!done) {
                manager.close();
            }
        }
        parameters = sum;
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

    private List<Predictive> predict(List<EncodedPrompt> prompts, boolean measured) {
        int contrasts = 0;
        for (EncodedPrompt prompt : prompts) {
            contrasts = Math.max(contrasts, prompt.classes().length - 1);
        }
        int most = (int) Math.max(1, MOST_HELD / Math.max(1, parameters * contrasts));
        List<Predictive> all = new ArrayList<>();
        for (int from = 0; from < prompts.size(); from += most) {
            all.addAll(predict(prompts.subList(from, Math.min(prompts.size(), from + most)), contrasts, measured));
        }
        return all;
    }

    private List<Predictive> predict(List<EncodedPrompt> prompts, int contrasts, boolean measured) {
        TokenBatch batch =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), 0);
        Mode mode = blocks.isEmpty() ? Mode.PLAIN : Mode.PROBED;
        try (Pass pass = adapted.forward(batch, mode, blocks.keySet())) {
            return Autograd.unrecorded(() -> predict(prompts, contrasts, pass, measured));
        }
    }

    private List<Predictive> predict(List<EncodedPrompt> prompts, int contrasts, Pass pass, boolean measured) {
        Map<String, NDList> a = new HashMap<>();
        Map<String, NDList> b = new HashMap<>();
        for (int c = 0; c < contrasts && !blocks.isEmpty(); c++) {
            try (NDArray cotangent = cotangent(prompts, c, pass)) {
                pass.backward(cotangent, c < contrasts - 1);
            }
            for (String path : pass.linears()) {
                contract(path, pass, a, b);
            }
        }
        ContrastGrams grams = new ContrastGrams(prompts.size(), contrasts);
        int[] active =
                prompts.stream().mapToInt(prompt -> prompt.classes().length - 1).toArray();
        List<List<BlockProjections>> projections = new ArrayList<>();
        prompts.forEach(prompt -> projections.add(new ArrayList<>()));
        for (String path : pass.linears()) {
            add(blocks.get(path).a(), a.remove(path), grams, active, measured ? projections : null);
            add(blocks.get(path).b(), b.remove(path), grams, active, measured ? projections : null);
        }
        List<Predictive> result = new ArrayList<>();
        double[] logits = doubles(pass.logits());
        int classes = logits.length / prompts.size();
        for (int i = 0; i < prompts.size(); i++) {
            int[] own = prompts.get(i).classes();
            double[] mean = new double[own.length - 1];
            double reference = logits[i * classes + own[own.length - 1]];
            for (int c = 0; c < mean.length; c++) {
                mean[c] = logits[i * classes + own[c]] - reference;
            }
            result.add(grams.predictive(i, mean).with(projections.get(i)));
        }
        return result;
    }

    /**
     * dL/dz of contrast c: +1 at the question's class c, -1 at its last class; nothing for a question that has no such
     * contrast. The questions of a batch do not mix, so one backward pass serves them all.
     */
    private static NDArray cotangent(List<EncodedPrompt> prompts, int c, Pass pass) {
        int classes = (int) pass.logits().getShape().get(1);
        double[] values = new double[prompts.size() * classes];
        for (int i = 0; i < prompts.size(); i++) {
            int[] own = prompts.get(i).classes();
            if (c < own.length - 1) {
                values[i * classes + own[c]] = 1;
                values[i * classes + own[own.length - 1]] = -1;
            }
        }
        return Constants.array(
                pass.manager(), values, pass.logits().getShape(), pass.logits().getDataType());
    }

    /** J of both blocks of a map for the contrast of the last backward pass, small side first: [B, R, Din], [B, R, Dout]. */
    private void contract(String path, Pass pass, Map<String, NDList> a, Map<String, NDList> b) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray gradient = pass.outputGradient(path);
            NDArray projected =
                    gradient.matMul(adapted.weights().pairs().get(path).b().stopGradient());
            NDArray ja = projected.transpose(0, 2, 1).matMul(pass.input(path)).mul(scaling);
            NDArray jb = pass.lowRank(path).transpose(0, 2, 1).matMul(gradient).mul(scaling);
            NDScope.unregister(ja, jb);
            a.computeIfAbsent(path, key -> new NDList()).add(ja);
            b.computeIfAbsent(path, key -> new NDList()).add(jb);
        }
    }

    /** @param projections of every question, to which those of the block are added; null where they are not wanted */
    private static void add(
            BlockProjection projection,
            NDList contrasts,
            ContrastGrams grams,
            int[] active,
            List<List<BlockProjections>> projections) {
        try (contrasts;
                NDArray stacked = NDArrays.stack(contrasts, 1)) {
            projection.add(stacked, grams);
            if (projections != null) {
                List<BlockProjections> measured = projection.measure(stacked, active);
                for (int i = 0; i < active.length; i++) {
                    projections.get(i).add(measured.get(i));
                }
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
