package io.calibrant.trainer.curvature;

/**
 * What one batch adds to the two Kronecker factors of one block.
 *
 * @param block module path and matrix, for example model.layers.0.self_attn.q_proj.lora_A; score for the head
 * @param rows rows of the large side (lora_A and score: the input; lora_B: the output gradient)
 * @param small the exact sum over the small side, row-major [r, r], of score [K, K]; not to be modified
 * @param smallWidth r, of score K
 * @param n row instances that entered the sums: F = A (x) S / n
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
public record BlockStatistics(String block, FactorRows rows, double[] small, int smallWidth, double n) {
    /**
     * Of a one-sided block: its small side is the number of examples, as if every gradient were 1.
     *
     * @param n examples
     */
    public static BlockStatistics ofInput(String block, FactorRows rows, double n) {
        return new BlockStatistics(block, rows, new double[] {n}, 1, n);
    }

    /** The same of another block. */
    public BlockStatistics under(String name) {
        return new BlockStatistics(name, rows, small, smallWidth, n);
    }
}
