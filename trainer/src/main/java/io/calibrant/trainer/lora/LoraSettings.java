package io.calibrant.trainer.lora;

/**
 * How an adapter is built.
 *
 * @param rank r
 * @param alpha numerator of the scaling
 * @param dropout probability that an entry of the adapter's input is dropped in training
 * @param rootScaling whether the scaling is alpha / sqrt(r) (PEFT's {@code use_rslora}) rather than alpha / r
 * @param targets which linear maps are adapted
 */
public record LoraSettings(int rank, double alpha, double dropout, boolean rootScaling, LoraTargets targets) {

    /** Refuses impossible values. */
    public LoraSettings {
        if (rank < 1) {
            throw new IllegalArgumentException("LoRA rank must be 1 or more, got " + rank);
        }
        if (!(alpha > 0) || Double.isInfinite(alpha)) {
            throw new IllegalArgumentException("LoRA alpha must be above 0 and finite, got " + alpha);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("LoRA dropout must be 0 or more and less than 1, got " + dropout);
        }
    }

    /** s. */
    public double scaling() {
        return alpha / (rootScaling ? Math.sqrt(rank) : rank);
    }
}
