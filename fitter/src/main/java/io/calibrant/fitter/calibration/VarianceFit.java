package io.calibrant.fitter.calibration;

import java.util.ArrayList;
import java.util.List;

/**
 * The (T, c) that minimises sum NLL + priors: Newton on (log T, log c) with the exact Hessian of the objective on its
 * points, which is smooth because they are fixed. Where the Hessian is not positive its eigenvalues are turned; a step
 * is halved until it pays, and kept within {@link #BOX}.
 */
final class VarianceFit {
    /** log T within +-7, log c within log 0.1 +- 28: met without priors only, where T and c can run away. */
    private static final double BOX = 7;

    private static final double SCALE_BOX = 28;
    private static final double LONGEST_STEP = 2;
    private static final double SUFFICIENT = 1e-4;
    private static final double SHORTEST = 1e-6;

    /** g H^-1 g, nats, below which one more step ends it. */
    private static final double LAST_STEP = 1e-7;

    private static final int MOST_STEPS = 100;

    private static final int COARSE_POINTS = 64;
    private static final int ALL_POINTS = Integer.MAX_VALUE;

    /**
     * log T and log c of the grid for a fit without a previous result: as far as the priors let labels go. The least
     * value of a valley is a start.
     */
    private static final double[] TEMPERATURES = {-3, -1.5, -0.5, 0, 0.5, 1, 1.5, 3};

    private static final double[] SCALES = {-8, -5, -2.3, 0, 2, 5, 8};

    private final VariancePrior prior;

    VarianceFit(VariancePrior prior) {
        this.prior = prior;
    }

    /** The least minimum, from every valley of a coarse grid. Without answers the modes of the priors. */
    VarianceScaling fit(List<SampledAnswer> answers) {
        if (answers.isEmpty()) {
            return new VarianceScaling(1, Math.exp(VariancePrior.LOG_SCALE));
        }
        double[][] values = new double[TEMPERATURES.length][SCALES.length];
        for (int i = 0; i < TEMPERATURES.length; i++) {
            for (int j = 0; j < SCALES.length; j++) {
                values[i][j] = value(answers, TEMPERATURES[i], SCALES[j], COARSE_POINTS);
            }
        }
        VarianceScaling best = null;
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < TEMPERATURES.length; i++) {
            for (int j = 0; j < SCALES.length; j++) {
                if (isValley(values, i, j)) {
                    VarianceScaling found = fit(answers, TEMPERATURES[i], SCALES[j]);
                    double value = value(answers, Math.log(found.temperature()), Math.log(found.scale()), ALL_POINTS);
                    if (best == null || value < least) {
                        best = found;
                        least = value;
                    }
                }
            }
        }
        return best == null ? fit(answers, 0, VariancePrior.LOG_SCALE) : best;
    }

    /** Whether no neighbour on the grid is less; of equals the first counts. */
    private static boolean isValley(double[][] values, int i, int j) {
        for (int k = Math.max(0, i - 1); k <= Math.min(values.length - 1, i + 1); k++) {
            for (int l = Math.max(0, j - 1); l <= Math.min(values[k].length - 1, j + 1); l++) {
                boolean before = k < i || (k == i && l < j);
                if (before ? !(values[i][j] < values[k][l]) : !(values[i][j] <= values[k][l])) {
                    return false;
                }
            }
        }
        return true;
    }

    /** The minimum in whose valley the start lies. */
    VarianceScaling fit(List<SampledAnswer> answers, double logTemperature, double logScale) {
        return descend(answers, logTemperature, logScale, slopes(answers, logTemperature, logScale));
    }

    /**
     * The minimum without each part in turn, from that of all of them: there the slopes of all parts but one are sums
     * of what each part adds, so the first step of every fit costs nothing.
     *
     * @param parts disjoint
     * @param all the minimum on all parts together
     * @return [parts], element p without part p
     */
    List<VarianceScaling> withoutEach(List<List<SampledAnswer>> parts, VarianceScaling all) {
        double a = Math.log(all.temperature());
        double b = Math.log(all.scale());
        List<Slopes> each = parts.stream().map(part -> sum(part, a, b)).toList();
        List<VarianceScaling> fits = new ArrayList<>();
        for (int p = 0; p < parts.size(); p++) {
            List<SampledAnswer> others = new ArrayList<>();
            Slopes slopes = new Slopes();
            for (int q = 0; q < parts.size(); q++) {
                if (q != p) {
                    others.addAll(parts.get(q));
                    slopes.add(each.get(q));
                }
            }
            prior.addTo(slopes, a, b);
            fits.add(descend(others, a, b, slopes));
        }
        return fits;
    }

    private VarianceScaling descend(List<SampledAnswer> answers, double startA, double startB, Slopes start) {
        double a = startA;
        double b = startB;
        Slopes here = start;
        for (int step = 0; step < MOST_STEPS; step++) {
            double[] direction = direction(here);
            double slope = here.a * direction[0] + here.b * direction[1];
            if (-slope <= LAST_STEP) {
                // Newton squares the distance: after this step the distance is below rounding, so it is not checked.
                a = clamp(a + direction[0], 0, BOX);
                b = clamp(b + direction[1], VariancePrior.LOG_SCALE, SCALE_BOX);
                break;
            }
            double length = 1;
            double nextA = a;
            double nextB = b;
            Slopes next = here;
            while (length > SHORTEST) {
                nextA = clamp(a + length * direction[0], 0, BOX);
                nextB = clamp(b + length * direction[1], VariancePrior.LOG_SCALE, SCALE_BOX);
                next = slopes(answers, nextA, nextB);
                if (next.value <= here.value + SUFFICIENT * length * slope) {
                    break;
                }
                length /= 2;
            }
            if (length <= SHORTEST || (nextA == a && nextB == b)) {
                break; // at a corner of the box, or down to rounding
            }
            a = nextA;
            b = nextB;
            here = next;
        }
        return new VarianceScaling(Math.exp(a), Math.exp(b));
    }

    /** The objective at (log T, log c) over the first points. */
    double value(List<SampledAnswer> answers, double a, double b, int points) {
        Slopes sum = new Slopes();
        prior.addTo(sum, a, b);
        double temperature = Math.exp(a);
        double scale = Math.exp(b);
        for (SampledAnswer answer : answers) {
            sum.value += answer.negativeLogLikelihood(temperature, scale, points);
        }
        return sum.value;
    }

    /** The objective at (log T, log c) to second order. */
    Slopes slopes(List<SampledAnswer> answers, double a, double b) {
        Slopes sum = sum(answers, a, b);
        prior.addTo(sum, a, b);
        return sum;
    }

    private static Slopes sum(List<SampledAnswer> answers, double a, double b) {
        Slopes sum = new Slopes();
        double temperature = Math.exp(a);
        double scale = Math.exp(b);
        for (SampledAnswer answer : answers) {
            answer.addTo(sum, temperature, scale);
        }
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
