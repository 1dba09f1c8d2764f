package io.calibrant.fitter.evidence;

import java.util.List;

/** The eigenvalues mu of F over some blocks, each with its multiplicity, and ||theta - theta_0||^2 over them. */
final class EvidenceTerms {
    /** Prior precisions are sought from here ... */
    static final double LEAST = 1e-10;

    /** ... to here. */
    static final double MOST = 1e10;

    private final double[] mu;
    private final double[] multiplicity;
    private final double squaredNorm;
    private final long parameters;

    EvidenceTerms(List<BlockSpectrum> blocks) {
        int most = 0;
        for (BlockSpectrum block : blocks) {
            most += (block.large().length + 1) * block.small().length;
        }
        mu = new double[most];
        multiplicity = new double[most];
        int count = 0;
        double norm = 0;
        long weights = 0;
        for (BlockSpectrum block : blocks) {
            for (double s : block.small()) {
                for (double w : block.large()) {
                    mu[count] = w * s / block.n();
                    multiplicity[count++] = 1;
                }
                mu[count] = block.residual() * s / block.n();
                multiplicity[count++] = block.multiplicity();
            }
            norm += block.squaredNorm();
            weights += block.parameters();
        }
        squaredNorm = norm;
        parameters = weights;
    }

    /** 1/2 [lambda ||theta - theta_0||^2 + sum log(1 + mu / lambda)]. */
    double penalty(double lambda) {
        double sum = lambda * squaredNorm;
        for (int i = 0; i < mu.length; i++) {
            sum += multiplicity[i] * Math.log1p(mu[i] / lambda);
        }
        return sum / 2;
    }

    /** gamma = sum mu / (mu + lambda). */
    double effectiveParameters(double lambda) {
        double sum = 0;
        for (int i = 0; i < mu.length; i++) {
            sum += multiplicity[i] * (mu[i] / (mu[i] + lambda));
        }
        return sum;
    }

    double squaredNorm() {
        return squaredNorm;
    }

    /**
     * The lambda that minimises the penalty: lambda ||theta - theta_0||^2 = gamma(lambda). Newton on h(log lambda) =
     * log gamma - log lambda - log ||theta - theta_0||^2, whose slope lies between -2 and -1, so that each value of h
     * bounds the distance to the root from both sides.
     *
     * <p>Where the equation has no root there is no maximum of the evidence either. Then: without curvature, the
     * precision that the weights themselves suggest, P / ||theta - theta_0||^2; for theta = theta_0 (the evidence rises
     * without end), {@link #MOST}; without both, 1. Every answer is kept within {@link #LEAST} and {@link #MOST}.
     */
    double bestPrecision(double start) {
        boolean curved = effectiveParameters(1) > 0;
        if (!curved || squaredNorm == 0) {
            return curved ? MOST : squaredNorm == 0 ? 1 : clamp(parameters / squaredNorm);
        }
        double low = Math.log(LEAST);
        double high = Math.log(MOST);
        double x = Math.min(Math.max(Math.log(start), low), high);
        for (int iteration = 0; iteration < 200; iteration++) {
            double lambda = Math.exp(x);
            double gamma = 0;
            double fall = 0;
            for (int i = 0; i < mu.length; i++) {
                double share = mu[i] / (mu[i] + lambda);
                gamma += multiplicity[i] * share;
                fall += multiplicity[i] * share * (lambda / (mu[i] + lambda));
            }
            double h = Math.log(gamma) - x - Math.log(squaredNorm);
            double step = h / (1 + fall / gamma);
            if (h > 0) {
                low = Math.max(low, Math.min(high, x + h / 2));
                high = Math.min(high, Math.max(low, x + h));
            } else {
                high = Math.min(high, Math.max(low, x + h / 2));
                low = Math.max(low, Math.min(high, x + h));
            }
            double next = Math.min(Math.max(x + step, low), high);
            if (Math.abs(next - x) <= 1e-14 * (1 + Math.abs(x))) {
                return Math.exp(next);
            }
            x = next;
        }
        return Math.exp(x);
    }

    private static double clamp(double lambda) {
        return Math.min(Math.max(lambda, LEAST), MOST);
    }
}
