package io.calibrant.trainer.lora;

/**
 * How an adapter is built.
 *
 * @param rank r, where no pattern says otherwise
 * @param alpha numerator of the scaling, where no pattern says otherwise
 * @param dropout probability that an entry of the adapter's input is dropped in training
 * @param rootScaling whether the scaling is alpha / sqrt(r) (PEFT's {@code use_rslora}) rather than alpha / r
 * @param targets which linear maps are adapted
 * @param patterns ranks and alphas of single maps
 */
public record LoraSettings(
        int rank, double alpha, double dropout, boolean rootScaling, LoraTargets targets, LoraPatterns patterns) {

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

    /** All maps of one rank and alpha. */
    public LoraSettings(int rank, double alpha, double dropout, boolean rootScaling, LoraTargets targets) {
        this(rank, alpha, dropout, rootScaling, targets, LoraPatterns.NONE);
    }

    /** The same on other linear maps. */
    LoraSettings withTargets(LoraTargets other) {
        return new LoraSettings(rank, alpha, dropout, rootScaling, other, patterns);
    }

    /** s, where no pattern says otherwise. */
    public double scaling() {
        return scaling(alpha, rank);
    }

    /** r of a map. */
    public int rank(String path) {
        return patterns.rank(path, rank);
    }

    /** s of a map: of its own alpha and its own rank. */
    public double scaling(String path) {
        return scaling(patterns.alpha(path, alpha), rank(path));
    }

    private double scaling(double numerator, int of) {
        return numerator / (rootScaling ? Math.sqrt(of) : of);
    }
}
