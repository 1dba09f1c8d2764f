package io.calibrant.trainer.curvature;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * What one batch, or several folded one after the other, say about the curvature of every block: one record a block.
 *
 * @param blocks in the order of the forward pass; blocks that read the same input hold the same {@link FactorRows}
 * @param inputs one-sided blocks for familiarity, by layer
 * @param examples of the batches, forgotten among themselves
 * @param logLikelihood sum of log p(true label), likewise, nats
 * @param batches how many batches
 * @param forgetting what was there before is to be multiplied by this when the sum is added: gamma ^ batches
 */
public record CurvatureSum(
        List<BlockStatistics> blocks,
        List<BlockStatistics> inputs,
        double examples,
        double logLikelihood,
        int batches,
        double forgetting) {
    /** The blocks, then the inputs. */
    public List<BlockStatistics> all() {
        List<BlockStatistics> all = new ArrayList<>(blocks);
        all.addAll(inputs);
        return all;
    }

    /** The same without inputs, for a run that has none. */
    public CurvatureSum withoutInputs() {
        return new CurvatureSum(blocks, List.of(), examples, logLikelihood, batches, forgetting);
    }

    /** About how many bytes the numbers take at 4 and 8 bytes each; rows that blocks share count once. */
    public long bytes() {
        long bytes = 0;
        IdentityHashMap<FactorRows, Boolean> seen = new IdentityHashMap<>();
        for (BlockStatistics block : all()) {
            bytes += 8L * block.small().length;
            if (seen.put(block.rows(), true) == null) {
                bytes += 4L * block.rows().values().length;
            }
        }
        return bytes;
    }
}
