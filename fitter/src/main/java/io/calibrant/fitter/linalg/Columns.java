package io.calibrant.fitter.linalg;

import java.util.Arrays;

/**
 * A large side compressed to at most {@code rank} columns: L L^T ~ the sum, TRUNCATE of the method's section 3 (the
 * paper's Algorithm 1). The columns are orthogonal and carry their eigenvalues as squared lengths.
 *
 * @param dimension d
 * @param rank K, columns kept at most
 * @param columns L^T [k, d] with k at most K, longest row first; not copied, treat as read-only
 * @param trace exact trace of the whole sum
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and compared by nobody
public record Columns(int dimension, int rank, double[] columns, double trace) implements LargeSide {
    /** Eigenvalues below this share of the largest one are rounding: their directions mean nothing and are dropped. */
    private static final double NOTHING = 1e-13;

    public Columns {
        if (rank < 1 || columns.length % dimension != 0 || columns.length / dimension > rank) {
            throw new IllegalArgumentException("at most " + rank + " columns of dimension " + dimension
                    + " expected, found " + columns.length + " numbers");
        }
    }

    /** k, the columns there are: fewer than the rank until as many independent rows came. */
    public int count() {
        return columns.length / dimension;
    }

    @Override
    public Columns fold(double[] rows, int m, double rowsTrace, double forgetting) {
        LargeSide.check(dimension, rows, m, rowsTrace, forgetting);
        int k = count();
        int p = k + m;
        double[] stacked = Arrays.copyOf(columns, p * dimension);
        if (forgetting != 1) {
            double root = Math.sqrt(forgetting);
            for (int i = 0; i < k * dimension; i++) {
                stacked[i] *= root;
            }
        }
        System.arraycopy(rows, 0, stacked, k * dimension, m * dimension);
        double nextTrace = forgetting * trace + rowsTrace;
        if (m == 0) {
            return new Columns(dimension, rank, stacked, nextTrace);
        }
        double[] next = p <= dimension ? throughRows(stacked, p) : throughDimensions(stacked, p);
        return new Columns(dimension, rank, next, nextTrace);
    }

    /** K = M^T M [p, p], K = V diag(w) V^T, L <- M V_k. */
    private double[] throughRows(double[] stacked, int p) {
        SymmetricEigen eigen = SymmetricEigen.of(Kernels.gram(stacked, p, dimension), p);
        return Kernels.combine(eigen.vectors(), kept(eigen.values()), stacked, p, dimension);
    }

    /** The same for more rows than dimensions: M M^T [d, d] = U diag(w) U^T, L <- U_k sqrt(w_k). */
    private double[] throughDimensions(double[] stacked, int p) {
        double[] sum = new double[dimension * dimension];
        Kernels.addOuter(sum, stacked, p, dimension);
        SymmetricEigen eigen = SymmetricEigen.of(sum, dimension);
        double[] next = Arrays.copyOf(eigen.vectors(), kept(eigen.values()) * dimension);
        for (int i = 0; i < next.length; i++) {
            next[i] *= Math.sqrt(eigen.values()[i / dimension]);
        }
        return next;
    }

    private int kept(double[] descending) {
        int kept = 0;
        while (kept < Math.min(rank, descending.length)
                && descending[kept] > 0
                && descending[kept] > NOTHING * descending[0]) {
            kept++;
        }
        return kept;
    }

    @Override
    public Columns merge(LargeSide other) {
        if (!(other instanceof Columns columnsOfOther) || columnsOfOther.dimension != dimension) {
            throw new IllegalArgumentException("columns of dimension " + dimension + " cannot take up "
                    + other.getClass().getSimpleName() + " of dimension " + other.dimension());
        }
        return fold(columnsOfOther.columns, columnsOfOther.count(), columnsOfOther.trace, 1);
    }

    @Override
    public Spectrum spectrum() {
        double[] values = new double[count()];
        for (int i = 0; i < values.length; i++) {
            double sum = 0;
            for (int c = i * dimension; c < (i + 1) * dimension; c++) {
                sum += columns[c] * columns[c];
            }
            values[i] = sum;
        }
        return new Spectrum(values, dimension, trace);
    }

    @Override
    public SymmetricEigen pairs() {
        double[] values = spectrum().values();
        double[] unit = columns.clone();
        for (int i = 0; i < unit.length; i++) {
            unit[i] /= Math.sqrt(values[i / dimension]);
        }
        return new SymmetricEigen(values, unit);
    }
}
