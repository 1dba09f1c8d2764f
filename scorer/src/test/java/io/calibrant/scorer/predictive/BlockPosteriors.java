package io.calibrant.scorer.predictive;

import io.calibrant.fitter.linalg.SymmetricEigen;
import io.calibrant.fitter.posterior.BlockPosterior;
import java.util.Arrays;

/** Posteriors of one block from its two sums, for tests. */
final class BlockPosteriors {
    private BlockPosteriors() {}

    /**
     * @param large [d, d] sum of the large side
     * @param small [r, r]
     * @param rank columns kept, at most d
     * @param residual with the isotropic residual
     */
    static BlockPosterior of(
            String block, double[] large, double[] small, int rank, boolean residual, double n, double lambda) {
        int d = (int) Math.round(Math.sqrt(large.length));
        int r = (int) Math.round(Math.sqrt(small.length));
        int k = Math.min(rank, d);
        SymmetricEigen eigen = SymmetricEigen.of(large, d);
        SymmetricEigen side = SymmetricEigen.of(small, r);
        double[] w = clipped(Arrays.copyOf(eigen.values(), k));
        double trace = 0;
        for (int i = 0; i < d; i++) {
            trace += large[i * d + i];
        }
        double rho = residual && k < d ? Math.max(0, trace - Arrays.stream(w).sum()) / (d - k) : 0;
        return new BlockPosterior(
                block,
                d,
                w,
                Arrays.copyOf(eigen.vectors(), k * d),
                rho,
                clipped(side.values()),
                side.vectors(),
                n,
                lambda);
    }

    private static double[] clipped(double[] values) {
        return Arrays.stream(values).map(value -> Math.max(0, value)).toArray();
    }
}
