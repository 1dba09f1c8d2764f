package io.calibrant.scorer.serving;

import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.ClassToken;
import io.calibrant.schemas.avro.DType;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.TaskType;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.trainer.model.ModelConfig;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What can be wrong with a record whatever the others are: it stands under another key, or holds numbers that no model
 * can be made of. A record that is refused here leaves the one before it of its key in use.
 */
final class CatalogueChecks {
    /** The eigenvalues of a small side that is larger than any in use would take seconds. */
    private static final int LARGEST_RANK = 256;

    private CatalogueChecks() {}

    /**
     * Checks a run.
     *
     * @throws IllegalArgumentException naming the field, its value and what is accepted
     */
    static void check(String key, Run run) {
        Map<String, Block> blocks = new HashMap<>();
        require(key.equals(run.getRunId()), "runId", run.getRunId(), "the record's key '" + key + "'");
        require(run.getLoraRank() >= 1, "loraRank", run.getLoraRank(), "1 or more");
        positive("loraAlpha", run.getLoraAlpha());
        require(!run.getBlocks().isEmpty(), "blocks", "none", "one or more");
        for (Block block : weights(run)) {
            String sides = "outputs and inputs of block " + block.getName();
            require(
                    block.getOutputs() >= 1 && block.getInputs() >= 1,
                    sides,
                    List.of(block.getOutputs(), block.getInputs()),
                    "1 or more");
            require(blocks.put(block.getName(), block) == null, "blocks", block.getName() + " twice", "distinct");
        }
        for (String target : run.getLoraTargets()) {
            Block a = blocks.get(target + ".lora_A");
            Block b = blocks.get(target + ".lora_B");
            Double own = run.getScalings().get(target);
            boolean paired = a != null && b != null;
            require(
                    paired && a.getOutputs() == b.getInputs() && (own != null || a.getOutputs() == run.getLoraRank()),
                    "blocks of " + target,
                    paired ? List.of(a.getOutputs(), b.getInputs()) : "none",
                    "lora_A and lora_B of " + (own == null ? "loraRank " + run.getLoraRank() : "one rank"));
            if (own != null) {
                positive("scaling of " + target, own);
            }
        }
        if (run.getTaskType() == TaskType.SEQ_CLS) {
            Block score = blocks.get(ModelConfig.SCORE);
            int labels = run.getClassTokens().size();
            require(
                    score != null && score.getOutputs() == labels && labels > 1,
                    "outputs of " + ModelConfig.SCORE,
                    score == null ? null : score.getOutputs(),
                    "one for each of 2 or more classTokens (" + labels + ")");
            for (int row = 0; row < labels; row++) {
                ClassToken token = run.getClassTokens().get(row);
                require(
                        token.getTokenId() == row,
                        "token of class " + token.getLabel(),
                        token.getTokenId(),
                        row + ", its row of the classifier's head");
            }
        }
        RunPrompt.of(run);
        Set<Object> classes = new HashSet<>();
        for (ClassToken token : run.getClassTokens()) {
            require(token.getTokenId() >= 0, "token of class " + token.getLabel(), token.getTokenId(), "0 or more");
            require(
                    classes.add(token.getLabel()) && classes.add(token.getTokenId()),
                    "classTokens",
                    token.getLabel() + " " + token.getTokenId() + " twice",
                    "distinct");
        }
    }

    /** The weights of a run that are on topic adapters. */
    private static List<Block> weights(Run run) {
        List<Block> weights = new ArrayList<>(run.getBlocks());
        weights.addAll(run.getSavedWeights());
        return weights;
    }

    /** Checks the weights of a block; see {@link #check(String, Run)}. */
    static void check(String key, AdapterBlock block) {
        String own = Keys.block(block.getRunId(), block.getCheckpoint(), block.getBlock());
        require(key.equals(own), "runId/checkpoint/block", own, "the record's key '" + key + "'");
        require(
                isMatrix(block.getWeight()),
                "shape of weight",
                block.getWeight().getShape(),
                "[outputs, inputs]");
        finite("weight", block.getWeight());
        Tensor magnitude = block.getMagnitude();
        if (magnitude != null) {
            List<Integer> rows = block.getWeight().getShape().subList(0, 1);
            require(magnitude.getShape().equals(rows), "shape of magnitude", magnitude.getShape(), rows.toString());
            finite("magnitude", magnitude);
        }
    }

    /**
     * Checks the weights of a block against its run; see {@link #check(String, Run)}.
     *
     * @param run null where it has not arrived: then nothing is checked
     */
    static void checkShape(AdapterBlock block, Run run) {
        if (run == null) {
            return;
        }
        for (Block each : weights(run)) {
            if (!each.getName().equals(block.getBlock())) {
                continue;
            }
            List<Integer> shape = List.of(each.getOutputs(), each.getInputs());
            require(
                    block.getWeight().getShape().equals(shape),
                    "shape of weight",
                    block.getWeight().getShape(),
                    shape + ", as the run says");
        }
    }

    /** Checks the factors of a block; see {@link #check(String, Run)}. */
    static void check(String key, Factor factor) {
        String own = Keys.blockFit(factor.getRunId(), factor.getCheckpoint(), factor.getBlock(), factor.getFit());
        require(key.equals(own), "runId/checkpoint/block/fit", own, "the record's key '" + key + "'");
        List<Integer> large = factor.getLarge().getShape();
        require(large.size() == 2 && large.get(0) >= 0 && large.get(1) >= 1, "shape of large", large, "[k, d]");
        require(
                factor.getForm() != FactorForm.FULL || large.get(0).equals(large.get(1)),
                "shape of large",
                large,
                "[d, d] for form FULL");
        List<Integer> small = factor.getSmall().getShape();
        require(isMatrix(factor.getSmall()) && small.get(0).equals(small.get(1)), "shape of small", small, "[r, r]");
        finite("large", factor.getLarge());
        finite("small", factor.getSmall());
        positive("n", factor.getN());
        notNegative("trace", factor.getTrace());
        if (small.get(0) > LARGEST_RANK) {
            return;
        }
        try {
            KroneckerFactor.smallSpectrum(Tensors.doubles(factor.getSmall()), small.get(0));
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("small: " + e.getMessage(), e);
        }
    }

    /** Checks a posterior; see {@link #check(String, Run)}. */
    static void check(String key, Posterior posterior) {
        String own = Keys.fit(posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit());
        require(key.equals(own), "runId/checkpoint/fit", own, "the record's key '" + key + "'");
        Set<String> seen = new HashSet<>();
        for (BlockPrecision block : posterior.getBlocks()) {
            positive("lambda of block " + block.getBlock(), block.getLambda());
            require(seen.add(block.getBlock()), "blocks", block.getBlock() + " twice", "distinct");
        }
        positiveOrAbsent("temperature", posterior.getTemperature());
        positiveOrAbsent("varianceTemperature", posterior.getVarianceTemperature());
        if (posterior.getVarianceScale() != null) {
            notNegative("varianceScale", posterior.getVarianceScale());
        }
        posterior.getTiers().forEach(tier -> tier.getMembers().forEach(CatalogueChecks::check));
    }

    private static void check(CalibrationMember member) {
        String of = " of member " + member.getName();
        positive("temperature" + of, member.getTemperature());
        notNegative("scale" + of, member.getScale());
        notNegative("weight" + of, member.getWeight());
        if (member.getVariance() != null) {
            notNegative("variance" + of, member.getVariance());
        }
    }

    private static void notNegative(String field, double value) {
        require(value >= 0 && value < Double.POSITIVE_INFINITY, field, value, "0 or more and finite");
    }

    private static boolean isMatrix(Tensor tensor) {
        List<Integer> shape = tensor.getShape();
        return shape.size() == 2 && shape.get(0) >= 1 && shape.get(1) >= 1;
    }

    private static void positiveOrAbsent(String field, Double value) {
        if (value != null) {
            positive(field, value);
        }
    }

    private static void positive(String field, double value) {
        require(value > 0 && value < Double.POSITIVE_INFINITY, field, value, "above 0 and finite");
    }

    /** Reads the numbers where they lie: a factor may take tens of megabytes. */
    private static void finite(String field, Tensor tensor) {
        ByteBuffer numbers = Tensors.bytes(tensor);
        while (numbers.hasRemaining()) {
            double value = next(numbers, tensor.getDtype());
            require(Double.isFinite(value), field, value, "finite in every number");
        }
    }

    private static double next(ByteBuffer numbers, DType type) {
        return switch (type) {
            case F64 -> numbers.getDouble();
            case F32 -> numbers.getFloat();
            case BF16 -> Float.intBitsToFloat(numbers.getShort() << 16);
        };
    }

    private static void require(boolean condition, String field, Object value, String accepted) {
        if (!condition) {
            throw new IllegalArgumentException(Require.message(field, value, accepted));
        }
    }
}
