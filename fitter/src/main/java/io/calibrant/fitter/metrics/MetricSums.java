package io.calibrant.fitter.metrics;

import java.util.Arrays;
import java.util.List;

/**
 * The figures of {@link Metrics} as sums that can be subtracted exactly: in fixed point, so that any order of
 * {@link #plus} and {@link #minus} ends at the same bits. A unit is 2^-32, so a mean is within 1.2e-10 of the one in
 * double precision; the sums hold 2 * 10^9 questions at one nat each. Immutable.
 */
public final class MetricSums {
    /** Numbers that make up the sums. */
    public static final int LENGTH = 2 + 3 * (10 + Metrics.DEFAULT_BINS);

    /** No question. */
    public static final MetricSums NONE = new MetricSums(new long[LENGTH]);

    /** The two tables of bins that are kept, by their number of bins. */
    private static final int COARSE = 10;

    private static final int FINE = Metrics.DEFAULT_BINS;
    private static final double UNIT = 0x1p-32;

    private static final int NLL = 0;
    private static final int BRIER = 1;
    private static final int BINS = 2;

    /** [NLL, Brier, then (questions, right ones, confidence) of each coarse bin, then of each fine one]. */
    private final long[] sums;

    private MetricSums(long[] sums) {
        this.sums = sums;
    }

    /** The sums of one question. */
    public static MetricSums of(LabelledProbabilities question) {
        long[] sums = new long[LENGTH];
        sums[NLL] = fixed(question.negativeLogLikelihood());
        sums[BRIER] = fixed(question.brier());
        for (int bins : new int[] {COARSE, FINE}) {
            int at = at(bins, Reliability.bin(question.confidence(), bins));
            sums[at] = 1;
            sums[at + 1] = question.correct() ? 1 : 0;
            sums[at + 2] = fixed(question.confidence());
        }
        return new MetricSums(sums);
    }

    /**
     * Sums that were written down.
     *
     * @param sums what {@link #toLongs()} gave; copied
     * @throws IllegalArgumentException unless there are {@link #LENGTH}
     */
    public static MetricSums ofLongs(long[] sums) {
        if (sums.length != LENGTH) {
            throw new IllegalArgumentException(LENGTH + " sums are expected, found " + sums.length);
        }
        return new MetricSums(sums.clone());
    }

    /** All there is to write down; a copy. */
    public long[] toLongs() {
        return sums.clone();
    }

    /** These and the others. */
    public MetricSums plus(MetricSums others) {
        return combined(others, 1);
    }

    /** These without the others. */
    public MetricSums minus(MetricSums others) {
        return combined(others, -1);
    }

    private MetricSums combined(MetricSums others, int sign) {
        long[] combined = sums.clone();
        for (int i = 0; i < LENGTH; i++) {
            combined[i] += sign * others.sums[i];
        }
        return new MetricSums(combined);
    }

    /** Number of questions. */
    public long n() {
        long n = 0;
        for (int bin = 0; bin < COARSE; bin++) {
            n += sums[at(COARSE, bin)];
        }
        return n;
    }

    /** Number of questions whose largest probability is on the true class. */
    public long right() {
        long right = 0;
        for (int bin = 0; bin < COARSE; bin++) {
            right += sums[at(COARSE, bin) + 1];
        }
        return right;
    }

    /** Sum of the largest probabilities, in units of 2^-32. */
    public long confidence() {
        long confidence = 0;
        for (int bin = 0; bin < COARSE; bin++) {
            confidence += sums[at(COARSE, bin) + 2];
        }
        return confidence;
    }

    /** Share of questions whose largest probability is on the true class; 0 without questions. */
    public double accuracy() {
        return (double) right() / Math.max(1, n());
    }

    /** Mean of -log p of the true class, nats; 0 without questions. */
    public double nll() {
        return sums[NLL] * UNIT / Math.max(1, n());
    }

    /** Mean of sum_c (p_c - y_c)^2; 0 without questions. */
    public double brier() {
        return sums[BRIER] * UNIT / Math.max(1, n());
    }

    /**
     * The reliability table.
     *
     * @param bins 10 or 15
     * @throws IllegalArgumentException for another number
     */
    public Reliability reliability(int bins) {
        if (bins != COARSE && bins != FINE) {
            throw new IllegalArgumentException(
                    "tables of " + COARSE + " and of " + FINE + " bins are kept, none of " + bins);
        }
        Reliability.Bin[] table = new Reliability.Bin[bins];
        for (int bin = 0; bin < bins; bin++) {
            int at = at(bins, bin);
            double count = Math.max(1, sums[at]);
            table[bin] = new Reliability.Bin(
                    Reliability.edge(bin, bins),
                    Reliability.edge(bin + 1, bins),
                    (int) sums[at],
                    sums[at + 2] * UNIT / count,
                    sums[at + 1] / count);
        }
        return new Reliability(List.of(table));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof MetricSums others && Arrays.equals(sums, others.sums);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(sums);
    }

    private static int at(int bins, int bin) {
        return BINS + 3 * (bins == COARSE ? bin : COARSE + bin);
    }

    private static long fixed(double value) {
        return Math.round(value / UNIT);
    }
}
