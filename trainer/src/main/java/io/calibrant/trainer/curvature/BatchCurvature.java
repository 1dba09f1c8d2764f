package io.calibrant.trainer.curvature;

import java.util.ArrayList;
import java.util.List;

/**
 * What one batch says about the curvature of every block.
 *
 * @param blocks lora_A and lora_B of every adapted linear, in the order of the forward pass
 * @param inputs one-sided blocks for familiarity: what the attention maps of every layer read at the last real token, a
 *     row an example
 * @param examples B
 * @param logLikelihood sum over the batch of log p(true label), nats
 * @param right in how many the true label is the most probable one
 */
public record BatchCurvature(
        List<BlockStatistics> blocks, List<BlockStatistics> inputs, int examples, double logLikelihood, int right) {
    /** The blocks, then the inputs. */
    List<BlockStatistics> all() {
        List<BlockStatistics> all = new ArrayList<>(blocks);
        all.addAll(inputs);
        return all;
    }
}
