package io.calibrant.fitter.folding;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A run with its blocks by name.
 *
 * @param run as it stands on topic runs
 * @param blocks its blocks and its inputs by name
 * @param fault why nothing can be folded of it; null where it can
 */
public record RunBlocks(Run run, Map<String, Block> blocks, String fault) {
    /** Longer names of blocks would make records that no topic takes. */
    private static final int MOST_NAME = 1000;

    /** Those of a run. */
    public static RunBlocks of(Run run) {
        Map<String, Block> blocks = new HashMap<>();
        all(run).forEach(block -> blocks.put(block.getName(), block));
        return new RunBlocks(run, blocks, fault(run));
    }

    private static String fault(Run run) {
        if (run.getRank() != null && run.getRank() < 1) {
            return Require.message("rank", run.getRank(), "1 or more, or none");
        }
        Set<String> names = new HashSet<>();
        for (Block block : all(run)) {
            String name = block.getName();
            if (name.isEmpty() || name.length() > MOST_NAME || name.indexOf('/') >= 0) {
                return "the name of a block must be 1 to " + MOST_NAME + " characters without '/', got " + name.length()
                        + " characters";
            }
            if (!names.add(name)) {
                return "block " + name + " occurs twice";
            }
            if (block.getOutputs() < 1 || block.getInputs() < 1) {
                return Require.message(
                        "outputs and inputs of block " + name,
                        block.getOutputs() + " and " + block.getInputs(),
                        "1 or more");
            }
        }
        for (Block input : run.getInputs()) {
            if (input.getOutputs() != 1 || input.getLargeSide() != Side.INPUT) {
                return Require.message(
                        "outputs and large side of input " + input.getName(),
                        input.getOutputs() + " and " + input.getLargeSide(),
                        "1 and INPUT");
            }
        }
        return null;
    }

    /** All that statistics come of: the blocks of a run, then its inputs. */
    public static List<Block> all(Run run) {
        List<Block> all = new ArrayList<>(run.getBlocks());
        all.addAll(run.getInputs());
        return all;
    }

    /** The dimension d of a block's large side. */
    static int large(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getInputs() : block.getOutputs();
    }

    /** The dimension r of a block's small side. */
    static int small(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getOutputs() : block.getInputs();
    }

    /** The block names in the run's order. */
    public List<String> order() {
        return run.getBlocks().stream().map(Block::getName).toList();
    }

    /** The names of the inputs that familiarity rests on, in the run's order. */
    public List<String> inputs() {
        return run.getInputs().stream().map(Block::getName).toList();
    }
}
