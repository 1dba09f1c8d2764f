package io.calibrant.fitter.link;

import java.util.function.DoubleUnaryOperator;
import org.hipparchus.special.Erf;

/**
 * E sigma(X) and E H(sigma(X)) for X ~ N(m, v), by the trapezoidal rule on an analytic integrand: the error falls
 * exponentially in 1 / step, so that a step of 1/4 of the narrower scale is exact to rounding.
 *
 * <p>Where the Gaussian is narrower than the sigmoid, the rule runs over the Gaussian. Where it is wider, it runs over
 * the sigmoid instead: with Phi(a x), a = sqrt(pi / 8), whose expectation is known in closed form, the difference
 * sigma(x) - Phi(a x) is smooth and falls off like exp(-|x|), whatever the variance.
 *
 * <p>Far out, where the mean is below -v / 2, the mass of sigma(x) N(x; m, v) is neither at the mean nor near 0. There
 * sigma(x) = exp(x) sigma(-x), and exp(x) N(x; m, v) is a Gaussian about m + v:
 *
 * <pre>E sigma(X) = exp(m + v / 2) E sigma(-Y),  Y ~ N(m + v, v)</pre>
 *
 * <p>which is near its own mean or near 0 again. The entropy, which falls off like exp(-|x|), is treated alike.
 */
final class BinaryRule {
    private static final double SIGMOID_STEP = 0.25;
    private static final int SIGMOID_NODES = 360; // to |x| = 90: what falls off like exp(-|x| / 2) is gone there
    private static final double GAUSSIAN_STEP = 0.0625;
    private static final int GAUSSIAN_NODES = 192; // to 12 standard deviations
    private static final double SLOPE = Math.sqrt(Math.PI / 8);
    private static final double WIDE = 4;

    /** exp of minus this is below the rounding of 1. */
    private static final double LOG_ROUNDING = 40;

    private BinaryRule() {}

    /**
     * @param mean m, the contrast z_1 - z_2
     * @param variance v; a rounding error below zero counts as zero
     * @throws IllegalArgumentException if the variance is negative beyond rounding
     */
    static Prediction predict(double mean, double variance) {
        if (variance < -1e-8) {
            throw new IllegalArgumentException("variance is " + variance);
        }
        double deviation = Math.sqrt(Math.max(0, variance));
        // Each probability from its own side: the small one keeps its digits.
        double first = probability(mean, deviation);
        double second = probability(-mean, deviation);
        double sum = first + second;
        return Prediction.of(new double[] {first / sum, second / sum}, expectedEntropy(Math.abs(mean), deviation));
    }

    private static double probability(double mean, double deviation) {
        if (deviation < WIDE) {
            return overGaussian(mean, deviation, BinaryRule::sigmoid);
        }
        double variance = deviation * deviation;
        if (mean < -variance / 2) {
            double weight = Math.exp(mean + variance / 2);
            return weight == 0 ? 0 : weight * probability(-(mean + variance), deviation);
        }
        double closed = normal(SLOPE * mean / Math.sqrt(1 + SLOPE * SLOPE * deviation * deviation));
        return Math.max(0, closed + overSigmoid(mean, deviation, x -> sigmoid(x) - normal(SLOPE * x)));
    }

    /** E H(sigma(X)); it is the same at -mean. */
    private static double expectedEntropy(double mean, double deviation) {
        if (deviation < WIDE) {
            return overGaussian(mean, deviation, BinaryRule::entropy);
        }
        double variance = deviation * deviation;
        if (mean <= variance / 2) {
            return overSigmoid(mean, deviation, BinaryRule::entropy);
        }
        // exp(-x) N(x; m, v) is a Gaussian about m - v; what is left, exp(x) H, grows like x and falls off below 0.
        double weight = Math.exp(-mean + variance / 2);
        if (weight == 0) {
            return 0;
        }
        double centre = mean - variance;
        double reach = GAUSSIAN_NODES * GAUSSIAN_STEP * deviation;
        // Beside a centre below 0 the product falls off like exp(x centre / v) above it.
        double to = centre < 0 ? Math.min(reach, LOG_ROUNDING * variance / -centre) : centre + reach;
        double from = Math.max(centre - reach, -LOG_ROUNDING);
        double sum = 0;
        for (double x = from; x <= to; x += SIGMOID_STEP) {
            sum += density((x - centre) / deviation) * entropyOverTail(x);
        }
        return weight * sum * SIGMOID_STEP / deviation;
    }

    /** E f(X) with nodes where the Gaussian is. */
    private static double overGaussian(double mean, double deviation, DoubleUnaryOperator f) {
        double sum = 0;
        for (int i = -GAUSSIAN_NODES; i <= GAUSSIAN_NODES; i++) {
            double z = i * GAUSSIAN_STEP;
            sum += density(z) * f.applyAsDouble(mean + deviation * z);
        }
        return sum * GAUSSIAN_STEP;
    }

    /** E f(X) with nodes around 0, for an f that falls off as the sigmoid's slope does. */
    private static double overSigmoid(double mean, double deviation, DoubleUnaryOperator f) {
        double sum = 0;
        for (int i = -SIGMOID_NODES; i <= SIGMOID_NODES; i++) {
            double x = i * SIGMOID_STEP;
            sum += density((x - mean) / deviation) * f.applyAsDouble(x);
        }
        return sum * SIGMOID_STEP / deviation;
    }

    private static double density(double z) {
        return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
    }

    private static double normal(double z) {
        return 0.5 * Erf.erfc(-z / Math.sqrt(2));
    }

    private static double sigmoid(double x) {
        return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
    }

    /** exp(x) times the entropy of (sigma(x), sigma(-x)). */
    private static double entropyOverTail(double x) {
        if (x < 0) {
            return Math.exp(x) * entropy(x);
        }
        double tail = Math.exp(-x);
        return (tail > 1e-8 ? Math.log1p(tail) / tail : 1 - tail / 2) + x / (1 + tail);
    }

    /** Entropy of (sigma(x), sigma(-x)), nats. */
    private static double entropy(double x) {
        double a = Math.abs(x);
        return Math.log1p(Math.exp(-a)) + a * sigmoid(-a);
    }
}
