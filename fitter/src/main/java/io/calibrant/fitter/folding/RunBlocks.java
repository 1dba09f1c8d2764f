package io.calibrant.fitter.folding;

import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A run with its blocks by name.
 *
 * @param run as it stands on topic runs
 * @param blocks its blocks by name
 */
public record RunBlocks(Run run, Map<String, Block> blocks) {
    /** Those of a run. */
    public static RunBlocks of(Run run) {
        Map<String, Block> blocks = new HashMap<>();
        run.getBlocks().forEach(block -> blocks.put(block.getName(), block));
        return new RunBlocks(run, blocks);
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
}
