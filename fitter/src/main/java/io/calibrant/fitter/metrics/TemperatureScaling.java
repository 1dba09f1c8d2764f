package io.calibrant.fitter.metrics;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.hipparchus.analysis.UnivariateFunction;
import org.hipparchus.analysis.solvers.BracketingNthOrderBrentSolver;

/** Temperature scaling, p = softmax(z / T), with T fitted on labelled questions (Guo et al. 2017). */
public final class TemperatureScaling {
    /** Standard deviation of the prior on log T (method.md section 5c). */
    public static final double PRIOR_DEVIATION = 0.5;

    private static final double MOST_LOG = 7;
    private static final double GRID = 0.25;

    private TemperatureScaling() {}

    /** {@link #fit(List, double)} with the prior of method.md section 5c. */
    public static double fit(List<LabelledLogits> questions) {
        return fit(questions, PRIOR_DEVIATION);
    }

    /**
     * The T that minimises sum NLL + (log T)^2 / (2 deviation^2), within e^-7 and e^7. Without questions the prior's,
     * 1.
     *
     * @param questions labelled logits
     * @param deviation standard deviation of the prior on log T, positive; infinite for none (maximum likelihood)
     * @throws IllegalArgumentException if the deviation is not positive
     */
    public static double fit(List<LabelledLogits> questions, double deviation) {
        if (!(deviation > 0)) {
            throw new IllegalArgumentException("deviation of the prior on log T is " + deviation + ", not positive");
        }
        if (questions.isEmpty()) {
            return 1;
        }
        // The NLL is convex in 1/T, the prior in log T, their sum need not have one valley only: hence a grid first.
        double best = -MOST_LOG;
        double least = Double.POSITIVE_INFINITY;
        for (double log = -MOST_LOG; log <= MOST_LOG; log += GRID) {
            double value = objective(questions, deviation, log);
            if (value < least) {
                least = value;
                best = log;
            }
        }
        double lower = Math.max(-MOST_LOG, best - GRID);
        double upper = Math.min(MOST_LOG, best + GRID);
        UnivariateFunction slope = log -> slope(questions, deviation, log);
        if (!(slope.value(lower) < 0 && slope.value(upper) > 0)) {
            return Math.exp(best); // at an end of the range: the labels alone want T -> 0 or T -> infinity
        }
        double root = new BracketingNthOrderBrentSolver(1e-13, 1e-12, 5).solve(200, slope, lower, upper);
        // Of two valleys so close together the root may be the hill between them.
        return Math.exp(objective(questions, deviation, root) <= least ? root : best);
    }

    /**
     * softmax(z / T).
     *
     * @param logits [C]; not modified
     * @param temperature T, positive
     */
    public static double[] probabilities(double[] logits, double temperature) {
        double top = Double.NEGATIVE_INFINITY;
        for (double z : logits) {
            top = Math.max(top, z);
        }
        double[] p = new double[logits.length];
        double sum = 0;
        for (int c = 0; c < p.length; c++) {
            p[c] = Math.exp((logits[c] - top) / temperature);
            sum += p[c];
        }
        for (int c = 0; c < p.length; c++) {
            p[c] /= sum;
        }
        return p;
    }

    /**
     * Temperature scaling where no other labels are at hand: each question at the T of the folds it is not in, so that
     * no question sees its own label.
     *
     * @param questions labelled logits
     * @param folds number of parts, at least 2; no more than there are questions are made
     * @param seed decides who is in which part
     * @return one prediction per question, in their order
     * @throws IllegalArgumentException if there are fewer than 2 folds
     */
    public static List<LabelledProbabilities> crossFitted(List<LabelledLogits> questions, int folds, long seed) {
        if (folds < 2) {
            throw new IllegalArgumentException("cross-fitting needs at least 2 folds, found " + folds);
        }
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < questions.size(); i++) {
            order.add(i);
        }
        Collections.shuffle(order, new Random(seed));
        LabelledProbabilities[] fitted = new LabelledProbabilities[questions.size()];
        int parts = Math.min(folds, questions.size());
        for (int fold = 0; fold < parts; fold++) {
            List<LabelledLogits> others = new ArrayList<>();
            for (int i = 0; i < order.size(); i++) {
                if (i % parts != fold) {
                    others.add(questions.get(order.get(i)));
                }
            }
            double temperature = fit(others);
            for (int i = fold; i < order.size(); i += parts) {
                fitted[order.get(i)] = questions.get(order.get(i)).at(temperature);
            }
        }
        return List.of(fitted);
    }

    private static double objective(List<LabelledLogits> questions, double deviation, double log) {
        double sum = log * log / (2 * deviation * deviation);
        double temperature = Math.exp(log);
        for (LabelledLogits question : questions) {
            sum += question.negativeLogLikelihood(temperature);
        }
        return sum;
    }

    /** d objective / d log T. */
    private static double slope(List<LabelledLogits> questions, double deviation, double log) {
        double temperature = Math.exp(log);
        double sum = log / (deviation * deviation);
        for (LabelledLogits question : questions) {
            sum += question.slope(temperature);
        }
        return sum;
    }
}
