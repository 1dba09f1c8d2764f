package io.calibrant.trainer.lora;

/**
 * The head of a sequence classifier, in the place of that over the vocabulary: z = W h without a bias, h the state of
 * the last real token after the final norm. Row c is the class c. float32, row-major; the weights are read-only.
 *
 * @param weight W, [K, D]
 * @param classes K, 2 or more
 * @param isBlock whether W is a block, with a posterior of its own beside those of LoRA; else it is known for certain
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
public record ClassifierHead(float[] weight, int classes, boolean isBlock) {

    /** @throws IllegalArgumentException if there are fewer than two classes, or they are not rows of one width */
    public ClassifierHead {
        if (classes < 2) {
            throw new IllegalArgumentException("classes of a sequence classifier must be 2 or more, got " + classes);
        }
        if (weight.length == 0 || weight.length % classes != 0) {
            throw new IllegalArgumentException(
                    "score must have " + classes + " rows of one width, got " + weight.length + " numbers");
        }
    }

    /** D. */
    public int width() {
        return weight.length / classes;
    }

    /** The same weights as a block. */
    public ClassifierHead asBlock() {
        return new ClassifierHead(weight, classes, true);
    }

    /**
     * The same head with other weights.
     *
     * @throws IllegalArgumentException if they are not as many
     */
    ClassifierHead with(float[] other) {
        if (other.length != weight.length) {
            throw new IllegalArgumentException("score must have " + weight.length + " numbers, got " + other.length);
        }
        return new ClassifierHead(other, classes, isBlock);
    }
}
