package io.calibrant.fitter.linalg;

/**
 * The Kronecker factors of one block, F = A (x) S / n, unnormalised, with what else adds up over batches.
 *
 * @param large the large side
 * @param small the small side [r, r], a symmetric sum of outer products; not copied, treat as read-only
 * @param n row instances in the sums
 * @param examples examples in the sums
 * @param logLikelihood sum of log p(true label) over these examples, nats
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record KroneckerFactor(LargeSide large, double[] small, double n, double examples, double logLikelihood) {
    /** What float32 sums of outer products may lose, as a share of the largest eigenvalue. */
    private static final double ROUNDING = 1e-4;

    /**
     * No data yet.
     *
     * @param dimension d of the large side
     * @param smallDimension r
     * @param rank columns kept of the large side; null, or at least d: kept in full
     * @param compression of a large side that is not kept in full
     */
    public static KroneckerFactor empty(int dimension, int smallDimension, Integer rank, Compression compression) {
        return new KroneckerFactor(
                LargeSide.empty(dimension, rank, compression), new double[smallDimension * smallDimension], 0, 0, 0);
    }

    /**
     * Adds a batch: L L^T and S, n, trace, examples and log-likelihood are multiplied by gamma, then the batch's are
     * added.
     *
     * @param forgetting gamma in (0, 1]; 1 is the plain sum
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public KroneckerFactor fold(BatchSums batch, double forgetting) {
        return new KroneckerFactor(
                large.fold(batch.rows(), batch.m(), batch.trace(), forgetting),
                addSmall(small, batch.small(), forgetting),
                forgetting * n + batch.n(),
                forgetting * examples + batch.examples(),
                forgetting * logLikelihood + batch.logLikelihood());
    }

    /** r. */
    public int smallDimension() {
        return (int) Math.round(Math.sqrt(small.length));
    }

    /**
     * The eigenvalues s of the small side, descending, not negative.
     *
     * @throws ArithmeticException if the small side is no sum of outer products (an eigenvalue far below zero)
     */
    public double[] smallSpectrum() {
        return smallSpectrum(small, smallDimension());
    }

    /** See {@link #smallSpectrum()}, of any [r, r]. */
    public static double[] smallSpectrum(double[] small, int r) {
        return SymmetricEigen.nonNegative(SymmetricEigen.values(small, r), ROUNDING);
    }

    /**
     * What a batch makes of a small side: S times gamma, plus the batch's.
     *
     * @throws IllegalArgumentException if their shapes differ
     */
    public static double[] addSmall(double[] small, double[] batch, double forgetting) {
        if (batch.length != small.length) {
            throw new IllegalArgumentException("a small side of dimension " + Math.round(Math.sqrt(small.length))
                    + " has " + small.length + " entries, found " + batch.length);
        }
        double[] sum = new double[small.length];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = forgetting * small[i] + batch[i];
        }
        return sum;
    }
}
