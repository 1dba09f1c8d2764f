package io.calibrant.fitter.linalg;

/**
 * What one batch adds to a block's factors.
 *
 * @param rows R [m, d]: R^T R is the batch's part of the large side
 * @param m rows, may be 0
 * @param trace exact sum of squared row norms before any reduction
 * @param small [r, r]
 * @param n row instances
 * @param examples examples
 * @param logLikelihood sum of log p(true label), nats
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record BatchSums(
        Rows rows, int m, double trace, double[] small, double n, double examples, double logLikelihood) {}
