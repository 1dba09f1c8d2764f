package io.calibrant.fitter.linalg;

/**
 * A large side compressed to at most {@code rank} columns: L L^T ~ the sum, TRUNCATE of the method's section 3 (the
 * paper's Algorithm 1). The columns are orthogonal and carry their eigenvalues as squared lengths.
 *
 * <p>A fold keeps to the precision of what is there: of float32 it makes float32, rounded once.
 *
 * @param dimension d
 * @param rank K, columns kept at most
 * @param stored L^T [k, d] with k at most K, longest row first; not copied, treat as read-only
 * @param squares their squared lengths [k] before they were rounded, where a fold made them; else null. Read-only
 * @param trace exact trace of the whole sum
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record Columns(int dimension, int rank, Rows stored, double[] squares, double trace) implements LargeSide {
    /** As they are stored. */
    public Columns(int dimension, int rank, Rows stored, double trace) {
        this(dimension, rank, stored, null, trace);
    }

    public Columns {
        if (rank < 1 || stored.length() % dimension != 0 || stored.length() / dimension > rank) {
            throw new IllegalArgumentException("at most " + rank + " columns of dimension " + dimension
                    + " expected, found " + stored.length() + " numbers");
        }
    }

    /** k, the columns there are: fewer than the rank until as many independent rows came. */
    public int count() {
        return stored.length() / dimension;
    }

    /** L^T [k, d] in double precision; treat as read-only. */
    public double[] columns() {
        return stored.doubles();
    }

    @Override
    public Columns fold(Rows rows, int m, double rowsTrace, double forgetting) {
        LargeSide.check(dimension, rows, m, rowsTrace, forgetting);
        double nextTrace = forgetting * trace + rowsTrace;
        if (m == 0) {
            return new Columns(dimension, rank, stored.times(Math.sqrt(forgetting)), nextTrace);
        }
        Principal principal = Principal.of(stored, rows, dimension, forgetting);
        int k = principal.count(rank, 0);
        if (!stored.narrow()) {
            return new Columns(dimension, rank, Rows.of(principal.columns(k)), nextTrace);
        }
        double[] lengths = new double[k];
        return new Columns(dimension, rank, principal.columns(k, lengths), lengths, nextTrace);
    }

    @Override
    public Spectrum spectrum() {
        double[] values = squares != null ? squares : Principal.squaredLengths(columns(), dimension);
        return new Spectrum(values, dimension, trace);
    }

    @Override
    public SymmetricEigen pairs() {
        return Principal.pairs(columns(), dimension);
    }
}
