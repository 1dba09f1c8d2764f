package io.calibrant.fitter.linalg;

/**
 * A large side compressed to at most 2 K columns that never lose more than they say: when the columns of a fold are
 * more than 2 K, the squared length of each is shrunk by that of the (K + 1)-th, which leaves at most K of them
 * (FREQUENT_DIRECTIONS of the method's section 3; Liberty 2013, Ghashami et al. 2016). With A the exact sum,
 *
 * <pre>0 <= A - L L^T <= delta I</pre>
 *
 * up to rounding. What was shrunk stays in the trace, and so in the residual rho.
 *
 * @param dimension d
 * @param rank K
 * @param stored L^T [k, d] with k at most 2 K, orthogonal, longest row first; not copied, treat as read-only
 * @param trace exact trace of the whole sum
 * @param delta bound of what was removed, forgotten as the sum is; 0 until columns were full
 */
public record FrequentDirections(int dimension, int rank, Rows stored, double trace, double delta)
        implements LargeSide {

    public FrequentDirections {
        if (rank < 1 || stored.length() % dimension != 0 || stored.length() / dimension > most(dimension, rank)) {
            throw new IllegalArgumentException("at most " + most(dimension, rank) + " columns of dimension " + dimension
                    + " expected, found " + stored.length() + " numbers");
        }
        if (!(delta >= 0)) {
            throw new IllegalArgumentException("delta " + delta + " is not a number from 0");
        }
    }

    /** The most columns there are: 2 K, or d where that is less (then nothing is ever removed). */
    public static int most(int dimension, int rank) {
        return (int) Math.min(dimension, 2L * rank);
    }

    /** L^T [k, d] in double precision; treat as read-only. */
    public double[] columns() {
        return stored.doubles();
    }

    @Override
    public FrequentDirections fold(Rows rows, int m, double rowsTrace, double forgetting) {
        LargeSide.check(dimension, rows, m, rowsTrace, forgetting);
        double nextTrace = forgetting * trace + rowsTrace;
        double nextDelta = forgetting * delta;
        if (m == 0) {
            return new FrequentDirections(dimension, rank, stored.times(Math.sqrt(forgetting)), nextTrace, nextDelta);
        }
        Principal principal = Principal.of(stored, rows, dimension, forgetting);
        int all = principal.count(Integer.MAX_VALUE, 0);
        if (all <= most(dimension, rank)) {
            return new FrequentDirections(dimension, rank, Rows.of(principal.columns(all)), nextTrace, nextDelta);
        }
        double[] w = principal.values();
        double cut = w[rank];
        double[] next = principal.columns(principal.count(rank, cut));
        for (int i = 0; i < next.length; i++) {
            next[i] *= Math.sqrt((w[i / dimension] - cut) / w[i / dimension]);
        }
        return new FrequentDirections(dimension, rank, Rows.of(next), nextTrace, nextDelta + cut);
    }

    @Override
    public Spectrum spectrum() {
        return new Spectrum(Principal.squaredLengths(columns(), dimension), dimension, trace);
    }

    @Override
    public SymmetricEigen pairs() {
        return Principal.pairs(columns(), dimension);
    }
}
