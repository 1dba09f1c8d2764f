package io.calibrant.scorer.predictive;

import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.linalg.SymmetricEigen;
import java.util.Arrays;
import java.util.Random;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.LUDecomposition;
import org.hipparchus.linear.RealMatrix;

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

    /**
     * (F + lambda I)^-1, dense, kron of the two sides by their eigenpairs: weight index j d + i, the small side slow.
     */
    static RealMatrix inversePrecision(BlockPosterior p) {
        int d = p.dimension();
        int r = p.s().length;
        double[][] large = new double[d][d];
        for (int a = 0; a < d; a++) {
            large[a][a] = p.residual();
            for (int b = 0; b < d; b++) {
                for (int i = 0; i < p.kept(); i++) {
                    large[a][b] += (p.w()[i] - p.residual()) * p.u()[i * d + a] * p.u()[i * d + b];
                }
            }
        }
        RealMatrix precision = new Array2DRowRealMatrix(r * d, r * d);
        for (int j = 0; j < r * d; j++) {
            for (int l = 0; l < r * d; l++) {
                double small = 0;
                for (int m = 0; m < r; m++) {
                    small += p.s()[m] * p.q()[m * r + j / d] * p.q()[m * r + l / d];
                }
                precision.setEntry(j, l, small * large[j % d][l % d] / p.n() + (j == l ? p.lambda() : 0));
            }
        }
        return new LUDecomposition(precision).getSolver().getInverse();
    }

    /** A random sum of outer products, [d, d]. */
    static double[] sum(int d, int rows, long seed) {
        Random random = new Random(seed);
        double[] sum = new double[d * d];
        for (int m = 0; m < rows; m++) {
            double[] row = new double[d];
            for (int i = 0; i < d; i++) {
                row[i] = random.nextGaussian();
            }
            for (int i = 0; i < d; i++) {
                for (int l = 0; l < d; l++) {
                    sum[i * d + l] += row[i] * row[l];
                }
            }
        }
        return sum;
    }

    private static double[] clipped(double[] values) {
        return Arrays.stream(values).map(value -> Math.max(0, value)).toArray();
    }
}
