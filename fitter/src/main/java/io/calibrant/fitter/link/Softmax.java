package io.calibrant.fitter.link;

/** Softmax and entropy, as stable as double precision allows. */
public final class Softmax {
    private Softmax() {}

    /** The softmax of logits; the argument is not modified. */
    public static double[] of(double[] logits) {
        double[] p = logits.clone();
        inPlace(p);
        return p;
    }

    /**
     * The softmax of the C logits [y, 0] that contrasts stand for.
     *
     * @param contrasts y_c = z_c - z_C, C - 1 numbers; not modified
     * @return C probabilities, the reference class last
     */
    public static double[] ofContrasts(double[] contrasts) {
        double[] p = new double[contrasts.length + 1];
        System.arraycopy(contrasts, 0, p, 0, contrasts.length);
        inPlace(p);
        return p;
    }

    /** -sum p log p, nats. */
    public static double entropy(double[] probabilities) {
        double entropy = 0;
        for (double p : probabilities) {
            if (p > 0) {
                entropy -= p * Math.log(p);
            }
        }
        return Math.max(0, entropy);
    }

    /**
     * Replaces logits by probabilities.
     *
     * @return the entropy of the result: log sum exp - sum p z, which keeps its digits where p is near 0 or 1
     */
    static double inPlace(double[] z) {
        double top = Double.NEGATIVE_INFINITY;
        for (double value : z) {
            top = Math.max(top, value);
        }
        double sum = 0;
        double weighted = 0;
        for (int c = 0; c < z.length; c++) {
            double shifted = z[c] - top;
            double e = Math.exp(shifted);
            sum += e;
            weighted += e * shifted;
            z[c] = e;
        }
        for (int c = 0; c < z.length; c++) {
            z[c] /= sum;
        }
        return Math.max(0, Math.log(sum) - weighted / sum);
    }
}
