package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.SampledLogits;

/**
 * One labelled answer as the fit of (T, c) sees it: the M points of its Gaussian, logits relative to the true class y.
 * With d_c = (z_c - z_y) / T + sqrt(c) (A eps_m)_c,y the probability of y at a point is 1 / (1 + sum_c exp d_c).
 */
final class SampledAnswer {
    /** exp of it times any square of a logit is finite, and so is the sum of 25 of them. */
    private static final double MOST = 600;

    private final double[] mean;
    private final double[] deviations; // [M, C - 1]
    private final int points;

    private SampledAnswer(double[] mean, double[] deviations, int points) {
        this.mean = mean;
        this.deviations = deviations;
        this.points = points;
    }

    static SampledAnswer of(SampledLogits logits, int label) {
        int others = logits.classes() - 1;
        double[] mean = new double[others];
        double[][] columns = new double[others][];
        for (int k = 0; k < others; k++) {
            int c = k < label ? k : k + 1;
            mean[k] = logits.mean(c, label);
            columns[k] = logits.deviations(c, label);
        }
        int points = columns[0].length;
        double[] rows = new double[points * others];
        for (int m = 0; m < points; m++) {
            for (int k = 0; k < others; k++) {
                rows[m * others + k] = columns[k][m];
            }
        }
        return new SampledAnswer(mean, rows, points);
    }

    /** -log E softmax_y, nats. */
    double negativeLogLikelihood(double temperature, double scale) {
        return negativeLogLikelihood(temperature, scale, points);
    }

    /** The same over the first points only: of a Sobol sequence these are even, too. */
    double negativeLogLikelihood(double temperature, double scale, int most) {
        int count = Math.min(most, points);
        int others = mean.length;
        double root = Math.sqrt(scale);
        double[] centre = centre(temperature);
        double sum = 0;
        for (int m = 0, at = 0; m < count; m++) {
            double odds = 0;
            for (int k = 0; k < others; k++, at++) {
                odds += Math.exp(Math.min(MOST, centre[k] + root * deviations[at]));
            }
            sum += 1 / (1 + odds);
        }
        return -Math.log(sum / count);
    }

    /**
     * Adds -log E softmax_y with its first and second derivatives in a = log T and b = log c. With u = dd / da = -mean
     * / T and v = dd / db = (d + u) / 2, and averages E over the classes under softmax (u_y = v_y = 0), the probability
     * p of y has
     *
     * <pre>
     * dp/da = -p Eu                 dp/db = -p Ev
     * d2p/da2 = p (2 Eu Eu - E uu + Eu)      d2p/dadb = p (2 Eu Ev - E uv)      d2p/db2 = p (2 Ev Ev - E vv - Ev / 2)
     * </pre>
     */
    void addTo(Slopes slopes, double temperature, double scale) {
        int others = mean.length;
        double root = Math.sqrt(scale);
        double[] centre = centre(temperature);
        double sum = 0;
        double a = 0;
        double b = 0;
        double aa = 0;
        double ab = 0;
        double bb = 0;
        for (int m = 0, at = 0; m < points; m++) {
            double odds = 0;
            double u = 0;
            double v = 0;
            double uu = 0;
            double uv = 0;
            double vv = 0;
            for (int k = 0; k < others; k++, at++) {
                double byT = -centre[k];
                double byC = 0.5 * root * deviations[at];
                double e = Math.exp(Math.min(MOST, centre[k] + root * deviations[at]));
                odds += e;
                u += e * byT;
                v += e * byC;
                uu += e * byT * byT;
                uv += e * byT * byC;
                vv += e * byC * byC;
            }
            double p = 1 / (1 + odds);
            u *= p;
            v *= p;
            sum += p;
            a -= p * u;
            b -= p * v;
            aa += p * (2 * u * u - p * uu + u);
            ab += p * (2 * u * v - p * uv);
            bb += p * (2 * v * v - p * vv - v / 2);
        }
        a /= sum;
        b /= sum;
        slopes.value -= Math.log(sum / points);
        slopes.a -= a;
        slopes.b -= b;
        slopes.aa += a * a - aa / sum;
        slopes.ab += a * b - ab / sum;
        slopes.bb += b * b - bb / sum;
    }

    private double[] centre(double temperature) {
        double[] centre = new double[mean.length];
        for (int k = 0; k < centre.length; k++) {
            centre[k] = mean[k] / temperature;
        }
        return centre;
    }
}
