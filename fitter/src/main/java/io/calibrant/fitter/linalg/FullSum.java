package io.calibrant.fitter.linalg;

/**
 * A large side kept in full: the symmetric sum itself.
 *
 * @param dimension d
 * @param sum [d, d]; not copied, treat as read-only
 * @param trace exact trace
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record FullSum(int dimension, double[] sum, double trace) implements LargeSide {
    /** What float32 sums of outer products may lose, as a share of the largest eigenvalue. */
    private static final double ROUNDING = 1e-4;

    public FullSum {
        if (sum.length != dimension * dimension) {
            throw new IllegalArgumentException("a full sum of dimension " + dimension + " has "
                    + (long) dimension * dimension + " entries, found " + sum.length);
        }
    }

    @Override
    public FullSum fold(Rows rows, int m, double rowsTrace, double forgetting) {
        LargeSide.check(dimension, rows, m, rowsTrace, forgetting);
        double[] next = sum.clone();
        if (forgetting != 1) {
            for (int i = 0; i < next.length; i++) {
                next[i] *= forgetting;
            }
        }
        Kernels.addOuter(next, rows.doubles(), m, dimension);
        Principal.finite(next, dimension);
        return new FullSum(dimension, next, forgetting * trace + rowsTrace);
    }

    @Override
    public Spectrum spectrum() {
        double[] values = SymmetricEigen.values(sum, dimension);
        return new Spectrum(SymmetricEigen.nonNegative(values, ROUNDING), dimension, trace);
    }

    @Override
    public SymmetricEigen pairs() {
        SymmetricEigen eigen = SymmetricEigen.of(sum, dimension);
        return new SymmetricEigen(SymmetricEigen.nonNegative(eigen.values(), ROUNDING), eigen.vectors());
    }
}
