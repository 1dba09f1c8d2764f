package io.calibrant.trainer.curvature;

import java.util.List;

/**
 * What one batch says about the curvature of every block.
 *
 * @param blocks lora_A and lora_B of every adapted linear, in the order of the forward pass
 * @param examples B
 * @param logLikelihood sum over the batch of log p(true label), nats
 * @param right in how many the true label is the most probable one
 */
public record BatchCurvature(List<BlockStatistics> blocks, int examples, double logLikelihood, int right) {}
