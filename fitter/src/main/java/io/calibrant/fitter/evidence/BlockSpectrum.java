package io.calibrant.fitter.evidence;

import io.calibrant.fitter.linalg.Spectrum;

/**
 * All that the evidence needs of one block.
 *
 * @param block its name
 * @param large w [k], descending, unnormalised
 * @param residual rho, 0 for none
 * @param multiplicity d - k
 * @param small s [r], unnormalised
 * @param n row instances in the sums; F = A (x) S / n
 * @param squaredNorm ||theta - theta_0||^2
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record BlockSpectrum(
        String block, double[] large, double residual, int multiplicity, double[] small, double n, double squaredNorm) {
    public BlockSpectrum {
        if (!(n > 0) || !(squaredNorm >= 0)) {
            throw new IllegalArgumentException(
                    "block " + block + ": n " + n + " and squared norm " + squaredNorm + " must be above and from 0");
        }
    }

    /** A block from the spectra of its sides, with the isotropic residual or (the paper) without. */
    public static BlockSpectrum of(
            String block, Spectrum large, boolean residual, double[] small, double n, double squaredNorm) {
        return new BlockSpectrum(
                block, large.values(), residual ? large.residual() : 0, large.multiplicity(), small, n, squaredNorm);
    }

    /** F times a factor: a partial or forgotten pass extrapolated to the whole training set. */
    public BlockSpectrum times(double factor) {
        return new BlockSpectrum(block, large, residual, multiplicity, small, n / factor, squaredNorm);
    }

    /** P, weights of the block: d r. */
    public long parameters() {
        return (long) (large.length + multiplicity) * small.length;
    }
}
