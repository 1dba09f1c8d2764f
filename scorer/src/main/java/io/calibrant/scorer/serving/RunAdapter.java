package io.calibrant.scorer.serving;

import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.TaskType;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.ClassifierHead;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraPatterns;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The adapter of a checkpoint from the topics. */
final class RunAdapter {
    private static final String A = ".lora_A";
    private static final String B = ".lora_B";

    private RunAdapter() {}

    /**
     * Puts the blocks together.
     *
     * @param config of the base model
     * @param run whose LoRA settings are used
     * @param blocks weights by block name
     * @param classTokens the tokens whose logits are used; those of the run where its head is adapted
     * @throws IllegalArgumentException if a block is missing or does not fit the model
     */
    static Adapter of(ModelConfig config, Run run, Map<String, AdapterBlock> blocks, int[] classTokens) {
        LoraSettings settings = settings(run);
        Map<String, LinearShape> shapes = new HashMap<>();
        config.linears().forEach(linear -> shapes.put(linear.path(), linear));
        List<LoraMatrices> matrices = new ArrayList<>();
        for (String path : run.getLoraTargets()) {
            LinearShape full = shapes.get(path);
            if (full == null) {
                throw new IllegalArgumentException(
                        "run " + run.getRunId() + " adapts " + path + ", which the base model does not have");
            }
            int outputs = path.equals(ModelConfig.HEAD) ? classTokens.length : full.outputs();
            int rank = settings.rank(path);
            float[] a = weights(blocks, path + A, rank, full.inputs());
            float[] b = weights(blocks, path + B, outputs, rank);
            matrices.add(new LoraMatrices(
                    new LinearShape(path, full.inputs(), outputs),
                    rank,
                    a,
                    b,
                    magnitude(blocks.get(path + B).getMagnitude())));
        }
        Adapter adapter = Adapter.of(config, settings, classTokens, matrices);
        return isClassifier(run) ? adapter.withClassifier(head(config, run, blocks)) : adapter;
    }

    /** Whether there are logits for the run's labels only: it adapts the head, or is a classifier. */
    static boolean isClosed(Run run) {
        return run.getLoraTargets().contains(ModelConfig.HEAD) || isClassifier(run);
    }

    /** Whether the run is that of a sequence classifier, whose labels are rows of a head of its own. */
    static boolean isClassifier(Run run) {
        return run.getTaskType() == TaskType.SEQ_CLS;
    }

    private static ClassifierHead head(ModelConfig config, Run run, Map<String, AdapterBlock> blocks) {
        int classes = run.getClassTokens().size();
        return new ClassifierHead(
                weights(blocks, ModelConfig.SCORE, classes, config.width()),
                classes,
                run.getBlocks().stream().anyMatch(block -> block.getName().equals(ModelConfig.SCORE)));
    }

    /** Where a module has a scaling of its own, its block says its rank; the scaling is that of no rsLoRA. */
    private static LoraSettings settings(Run run) {
        Map<String, Integer> ranks = new LinkedHashMap<>();
        Map<String, Double> alphas = new LinkedHashMap<>();
        for (Block block : run.getBlocks()) {
            String path =
                    block.getName().substring(0, Math.max(0, block.getName().length() - A.length()));
            Double scaling = run.getScalings().get(path);
            if (scaling != null && block.getName().endsWith(A)) {
                String key = Pattern.quote(path);
                ranks.put(key, block.getOutputs());
                alphas.put(key, scaling * block.getOutputs());
            }
        }
        return new LoraSettings(
                run.getLoraRank(),
                run.getLoraAlpha(),
                0,
                false,
                new LoraTargets(run.getLoraTargets(), ""),
                new LoraPatterns(ranks, alphas));
    }

    private static float[] weights(Map<String, AdapterBlock> blocks, String name, int rows, int columns) {
        AdapterBlock block = blocks.get(name);
        if (block == null) {
            throw new IllegalArgumentException("the adapter on the topics lacks block " + name);
        }
        if (!block.getWeight().getShape().equals(List.of(rows, columns))) {
            throw new IllegalArgumentException("block " + name + " of the adapter on the topics has shape "
                    + block.getWeight().getShape() + ", the base model asks for [" + rows + ", " + columns + "]");
        }
        return Tensors.floats(block.getWeight());
    }

    /** @param tensor null for plain LoRA */
    private static float[] magnitude(Tensor tensor) {
        return tensor == null ? null : Tensors.floats(tensor);
    }
}
