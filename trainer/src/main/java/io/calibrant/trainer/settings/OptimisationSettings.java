package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;

/**
 * The optimizer's steps: AdamW with a linear schedule that falls to 0.
 *
 * @param steps how many; 0: no fine-tuning, only the curvature pass
 * @param batchSize questions a step, and a batch of the curvature pass
 * @param learningRate of the first step; 0 changes nothing
 */
public record OptimisationSettings(int steps, int batchSize, double learningRate) {
    /** 400 steps of 4 questions, from 5e-5. */
    public static final OptimisationSettings DEFAULT = new OptimisationSettings(400, 4, 5e-5);

    /** Decoupled weight decay of AdamW, PyTorch's default. */
    public static final double WEIGHT_DECAY = 0.01;

    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public OptimisationSettings {
        Require.atLeast("--steps", steps, 0);
        Require.atLeast("--batch-size", batchSize, 1);
        Require.that(learningRate >= 0 && learningRate < 1, "--learning-rate", learningRate, "0 or more and below 1");
    }

    /** The same with another number of steps. */
    public OptimisationSettings withSteps(int newSteps) {
        return new OptimisationSettings(newSteps, batchSize, learningRate);
    }

    /** The same with other batches. */
    public OptimisationSettings withBatchSize(int newBatchSize) {
        return new OptimisationSettings(steps, newBatchSize, learningRate);
    }

    /** The same from another learning rate. */
    public OptimisationSettings withLearningRate(double newLearningRate) {
        return new OptimisationSettings(steps, batchSize, newLearningRate);
    }
}
