package io.calibrant.trainer.finetuning;

/**
 * How the adapter is fine-tuned.
 *
 * @param steps optimizer steps, at least 1
 * @param batchSize questions a step, at least 1
 * @param learningRate of the first step; it falls to zero on a line; 0 changes nothing
 * @param weightDecay decoupled; 0.01 as in PyTorch
 * @param seed decides order and dropout
 */
public record FineTuningSettings(int steps, int batchSize, double learningRate, double weightDecay, long seed) {
    /** @throws IllegalArgumentException naming the value and what is accepted */
    public FineTuningSettings {
        require(steps >= 1, "steps", steps, "1 or more");
        require(batchSize >= 1, "batch size", batchSize, "1 or more");
        require(learningRate >= 0 && learningRate < 1, "learning rate", learningRate, "0 or more and below 1");
        require(weightDecay >= 0 && weightDecay < 1, "weight decay", weightDecay, "0 or more and below 1");
    }

    private static void require(boolean condition, String key, Object value, String accepted) {
        if (!condition) {
            throw new IllegalArgumentException(key + " must be " + accepted + ", got " + value);
        }
    }
}
