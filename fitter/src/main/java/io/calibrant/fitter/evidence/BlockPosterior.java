package io.calibrant.fitter.evidence;

import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.linalg.SymmetricEigen;

/**
 * The posterior precision of one block by its eigenpairs (method.md section 4): w_i s_j / n + lambda on u_i (x) q_j,
 * and rho s_j / n + lambda on (the complement of U) (x) q_j. All a predictive needs of a block (section 6). Arrays are
 * not copied; treat them as read-only.
 *
 * @param block its name
 * @param dimension d of the large side
 * @param w [k] large eigenvalues, descending, unnormalised
 * @param u [k, d] row-major, row i is the unit eigenvector u_i (U transposed)
 * @param residual rho, the eigenvalue off U; 0 for none, or where k = d
 * @param s [r] small eigenvalues, descending, unnormalised
 * @param q [r, r] row-major, row j is the unit eigenvector q_j (Q transposed)
 * @param n row instances in the sums
 * @param lambda prior precision of the block
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record BlockPosterior(
        String block,
        int dimension,
        double[] w,
        double[] u,
        double residual,
        double[] s,
        double[] q,
        double n,
        double lambda) {

    /**
     * Decomposes both sides. In columns this costs nothing; in full it is a d x d eigenproblem.
     *
     * @param residual with the isotropic residual, or (the paper) without
     * @throws ArithmeticException if a side is no sum of outer products
     */
    public static BlockPosterior of(String block, KroneckerFactor factor, boolean residual, double lambda) {
        SymmetricEigen large = factor.large().pairs();
        SymmetricEigen small = SymmetricEigen.of(factor.small(), factor.smallDimension());
        int d = factor.large().dimension();
        Spectrum spectrum = new Spectrum(large.values(), d, factor.large().trace());
        return new BlockPosterior(
                block,
                d,
                large.values(),
                large.vectors(),
                residual ? spectrum.residual() : 0,
                factor.smallSpectrum(),
                small.vectors(),
                factor.n(),
                lambda);
    }

    /** w_i s_j / n + lambda, the precision on u_i (x) q_j. */
    public double precision(int i, int j) {
        return w[i] * s[j] / n + lambda;
    }

    /** rho s_j / n + lambda, the precision on (the complement of U) (x) q_j. */
    public double residualPrecision(int j) {
        return residual * s[j] / n + lambda;
    }

    /** k. */
    public int kept() {
        return w.length;
    }
}
