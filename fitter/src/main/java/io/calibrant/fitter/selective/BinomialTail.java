package io.calibrant.fitter.selective;

/** Exact tails of the binomial distribution, and the interval of a share that they give. */
public final class BinomialTail {
    /** Halvings of an interval of length 1: to the last bit of a double. */
    private static final int HALVINGS = 60;

    private BinomialTail() {}

    /**
     * P(Bin(n, p) <= k), summed term by term; k + 1 logarithms.
     *
     * @param n trials, 0 or more
     * @param p probability of each, 0 to 1
     */
    public static double atMost(int k, int n, double p) {
        if (k < 0) {
            return 0;
        }
        if (k >= n || p <= 0) {
            return 1;
        }
        if (p >= 1) {
            return 0;
        }
        double odds = Math.log(p) - Math.log1p(-p);
        double term = n * Math.log1p(-p); // of the logarithm, so that nothing underflows on the way
        double sum = Math.exp(term);
        for (int i = 1; i <= k; i++) {
            term += Math.log((n - i + 1.0) / i) + odds;
            sum += Math.exp(term);
        }
        return Math.min(1, sum);
    }

    /**
     * The exact interval of a share of right answers (Clopper and Pearson 1934).
     *
     * @param wrong how many of n are not right
     * @param n at least 1
     * @param level of the two-sided interval, for example 0.95
     * @return [lower, upper]
     */
    public static double[] accuracy(int wrong, int n, double level) {
        double tail = (1 - level) / 2;
        return new double[] {
            1 - largest(p -> atMost(wrong, n, p) > tail), 1 - largest(p -> 1 - atMost(wrong - 1, n, p) < tail)
        };
    }

    /** The largest p in [0, 1] for which a condition holds that holds below it and not above it. */
    private static double largest(java.util.function.DoublePredicate condition) {
        double holds = 0;
        double fails = 1;
        if (condition.test(1)) {
            return 1;
        }
        for (int i = 0; i < HALVINGS; i++) {
            double middle = (holds + fails) / 2;
            if (condition.test(middle)) {
                holds = middle;
            } else {
                fails = middle;
            }
        }
        return holds;
    }
}
