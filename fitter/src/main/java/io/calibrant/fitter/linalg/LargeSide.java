package io.calibrant.fitter.linalg;

/** The large side of a block's curvature, a sum of outer products of d-dimensional rows: compressed or in full. */
public sealed interface LargeSide permits Columns, FrequentDirections, FullSum {

    /** The same, truncated. */
    static LargeSide empty(int dimension, Integer rank) {
        return empty(dimension, rank, Compression.TRUNCATE);
    }

    /** An empty sum kept in full where the rank asks for it or d is no larger than the rank, else in columns. */
    static LargeSide empty(int dimension, Integer rank, Compression compression) {
        if (rank == null || dimension <= rank) {
            return new FullSum(dimension, new double[dimension * dimension], 0);
        }
        return switch (compression) {
            case TRUNCATE -> new Columns(dimension, rank, Rows.none(), 0);
            case FREQUENT_DIRECTIONS -> new FrequentDirections(dimension, rank, Rows.none(), 0, 0);
        };
    }

    /** d. */
    int dimension();

    /** The exact sum of squared norms of all rows that were folded in, forgotten as the sum is. */
    double trace();

    /** What compression removed at most, in any direction; 0 where nothing is removed, and where no bound is known. */
    default double delta() {
        return 0;
    }

    /**
     * This sum times gamma, plus R^T R.
     *
     * @param rows R [m, d]; not modified
     * @param m number of rows, may be 0
     * @param rowsTrace exact sum of squared row norms, which may exceed that of R where R was reduced
     * @param forgetting gamma in (0, 1]; 1 is the plain sum
     * @return a new side; this one is unchanged
     * @throws IllegalArgumentException if the rows are not m x d or gamma is out of range
     * @throws ArithmeticException if a row holds what is not finite, or too large to be squared
     */
    LargeSide fold(Rows rows, int m, double rowsTrace, double forgetting);

    /** The eigenvalues. */
    Spectrum spectrum();

    /** The k known eigenvalues with their eigenvectors [k, d]: in columns at no cost, in full a d x d eigenproblem. */
    SymmetricEigen pairs();

    /** Checks the arguments of {@link #fold}. */
    static void check(int dimension, Rows rows, int m, double rowsTrace, double forgetting) {
        if (m < 0 || rows.length() != m * dimension) {
            throw new IllegalArgumentException(
                    m + " rows of " + dimension + " are " + (long) m * dimension + " numbers, found " + rows.length());
        }
        if (!(forgetting > 0 && forgetting <= 1)) {
            throw new IllegalArgumentException("forgetting " + forgetting + " is not in (0, 1]");
        }
        if (!(rowsTrace >= 0 && rowsTrace < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("trace " + rowsTrace + " is not a finite number from 0");
        }
    }
}
