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

    /**
     * -sum p log p, nats. The term of a probability above 1/2 is taken from what the others leave to it: where they are
     * below rounding it is as large as they are, and log p would be 0.
     */
    public static double entropy(double[] probabilities) {
        double entropy = 0;
        double rest = 0;
        double most = 0;
        for (double p : probabilities) {
            if (p > 0.5 && p > most) {
                rest += most;
                most = p;
            } else {
                rest += p;
            }
        }
        boolean taken = false;
        for (double p : probabilities) {
            if (p == most && most > 0.5 && !taken) {
                taken = true;
                entropy -= p * (rest < 0.5 ? Math.log1p(-rest) : Math.log(p));
            } else if (p > 0) {
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
        double rest = 0; // the sum without one top, which keeps its digits where that is far above the others
        double weighted = 0;
        boolean topSeen = false;
        for (int c = 0; c < z.length; c++) {
            double shifted = z[c] - top;
            double e = Math.exp(shifted);
            sum += e;
            weighted += e * shifted;
            if (shifted == 0 && !topSeen) {
                topSeen = true;
            } else {
                rest += e;
            }
            z[c] = e;
        }
        for (int c = 0; c < z.length; c++) {
            z[c] /= sum;
        }
        return Math.max(0, Math.log1p(rest) - weighted / sum);
    }
}
