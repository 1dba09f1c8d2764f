package io.calibrant.fitter.tuning;

import java.util.List;

/**
 * The (T, c) that minimises sum NLL + priors: Newton on (log T, log c) with the exact Hessian of the objective on its points,
 * which is smooth because they are fixed. Where the Hessian is not positive its eigenvalues are turned; a step is halved until
 * it pays, and kept within {@link #BOX}.
 */
final class VarianceFit {
    /** log T within +-7, log c within log 0.1 +- 28: met without priors only, where T and c can run away. */
    private static final double BOX = 7;

    private static final double SCALE_BOX = 28;
    private static final double LONGEST_STEP = 2;
    private static final double SUFFICIENT = 1e-4;
    private static final double CONVERGED = 1e-10;
    private static final int MOST_STEPS = 100;

    /** Coarse starts for a fit that knows nothing: the best of them is polished. */
    private static final double[] TEMPERATURES = {-0.5, 0, 0.5, 1, 1.5};

    private static final double[] SCALES = {-8, -5, -2.3, 0, 2};

    private final VariancePrior prior;

    VarianceFit(VariancePrior prior) {
        this.prior = prior;
    }

    /** The minimum, from the best of a coarse grid. Without answers the modes of the priors. */
    VarianceScaling fit(List<SampledAnswer> answers) {
        if (answers.isEmpty()) {
            return new VarianceScaling(1, Math.exp(VariancePrior.LOG_SCALE));
        }
        double least = Double.POSITIVE_INFINITY;
        VarianceScaling start = null;
        for (double a : TEMPERATURES) {
            for (double b : SCALES) {
                double value = value(answers, a, b);
                if (value < least) {
                    least = value;
                    start = new VarianceScaling(Math.exp(a), Math.exp(b));
                }
            }
        }
        return fit(answers, start);
    }

    /** The minimum in whose valley the start lies. */
    VarianceScaling fit(List<SampledAnswer> answers, VarianceScaling start) {
        if (answers.isEmpty()) {
            return new VarianceScaling(1, Math.exp(VariancePrior.LOG_SCALE));
        }
        double a = Math.log(start.temperature());
        double b = Math.log(start.scale());
        Slopes here = slopes(answers, a, b);
        for (int step = 0; step < MOST_STEPS; step++) {
            double[] direction = direction(here);
            double slope = here.a * direction[0] + here.b * direction[1];
            if (-slope <= CONVERGED * CONVERGED * answers.size()) {
                break;
            }
            double length = 1;
            double nextA = a;
            double nextB = b;
            Slopes next = here;
            while (length > 1e-6) {
                nextA = clamp(a + length * direction[0], 0, BOX);
                nextB = clamp(b + length * direction[1], VariancePrior.LOG_SCALE, SCALE_BOX);
                next = slopes(answers, nextA, nextB);
                if (next.value <= here.value + SUFFICIENT * length * slope + 1e-13 * Math.abs(here.value)) {
                    break;
                }
                length /= 2;
            }
            double moved = Math.max(Math.abs(nextA - a), Math.abs(nextB - b));
            a = nextA;
            b = nextB;
            here = next;
            if (moved <= CONVERGED) {
                break;
            }
        }
        return new VarianceScaling(Math.exp(a), Math.exp(b));
    }

    double value(List<SampledAnswer> answers, double a, double b) {
        Slopes sum = new Slopes();
        prior.addTo(sum, a, b);
        double temperature = Math.exp(a);
        double scale = Math.exp(b);
        for (SampledAnswer answer : answers) {
            sum.value += answer.negativeLogLikelihood(temperature, scale);
        }
        return sum.value;
    }

    Slopes slopes(List<SampledAnswer> answers, double a, double b) {
        Slopes sum = new Slopes();
        double temperature = Math.exp(a);
        double scale = Math.exp(b);
        for (SampledAnswer answer : answers) {
            answer.addTo(sum, temperature, scale);
        }
        prior.addTo(sum, a, b);
        return sum;
    }

    /** -|H|^-1 g, eigenvalue by eigenvalue, so that it always leads down; no longer than {@link #LONGEST_STEP}. */
    private static double[] direction(Slopes s) {
        double middle = (s.aa + s.bb) / 2;
        double half = Math.hypot((s.aa - s.bb) / 2, s.ab);
        double angle = 0.5 * Math.atan2(2 * s.ab, s.aa - s.bb);
        double cos = Math.cos(angle);
        double sin = Math.sin(angle);
        double first = cos * s.a + sin * s.b;
        double second = -sin * s.a + cos * s.b;
        double least = 1e-8 * (1 + Math.abs(middle) + half);
        first /= -Math.max(least, Math.abs(middle + half));
        second /= -Math.max(least, Math.abs(middle - half));
        double length = Math.hypot(first, second);
        double shorten = length > LONGEST_STEP ? LONGEST_STEP / length : 1;
        return new double[] {shorten * (cos * first - sin * second), shorten * (sin * first + cos * second)};
    }

    private static double clamp(double value, double middle, double half) {
        return Math.min(middle + half, Math.max(middle - half, value));
    }
}
