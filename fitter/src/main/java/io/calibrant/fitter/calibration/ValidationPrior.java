package io.calibrant.fitter.calibration;

import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/**
 * The prior precision that makes held-out labels most likely (method.md section 5b; the paper's Algorithm 3), without
 * the model:
 *
 * <pre>
 * Cov(y)_cc' = sum_l sum_j { sum_i P_c,ij P_c',ij / (lambda_l + w_i s_j / n)
 *                            + R_c,j . R_c',j / (lambda_l + rho s_j / n) }
 * </pre>
 *
 * <p>a sum of squares, from projections that do not depend on lambda. The NLL is averaged over fixed points that move
 * smoothly with the covariance, so it is smooth in log lambda; its least is bracketed by a grid over the whole range
 * and found by golden section. Immutable but for the cache of its points; safe for use by several threads.
 */
public final class ValidationPrior {
    /** The least lambda looked at; with a shape, the least geometric mean. */
    public static final double LEAST = 1e-3;

    /** The largest lambda looked at; with a shape, the largest geometric mean. */
    public static final double MOST = 1e6;

    private static final int POINTS = 1024;
    private static final int GRID = 28;
    private static final double CONVERGED = 1e-6;
    private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;

    private final Link link = new Link(LinkFunction.MC, POINTS, 0);
    private final List<BlockSpectrum> spectra;
    private final double[][] kept; // a block's w_i s_j / n [r, k]
    private final double[][] off; // a block's rho s_j / n [r]

    /**
     * Where the labels are most likely.
     *
     * @param lambdas one for each block
     * @param nll mean NLL of the labels there, nats
     */
    @SuppressWarnings("ArrayRecordComponent") // dense numbers, never compared
    public record Optimum(double[] lambdas, double nll) {}

    /**
     * A search on given curvature.
     *
     * @param spectra of every block, large eigenvalues in the order of the projections
     * @throws IllegalArgumentException if there is no block
     */
    public ValidationPrior(List<BlockSpectrum> spectra) {
        if (spectra.isEmpty()) {
            throw new IllegalArgumentException("no blocks: a prior needs at least one");
        }
        this.spectra = List.copyOf(spectra);
        this.kept = new double[spectra.size()][];
        this.off = new double[spectra.size()][];
        for (int l = 0; l < kept.length; l++) {
            BlockSpectrum block = spectra.get(l);
            int k = block.large().length;
            int r = block.small().length;
            kept[l] = new double[r * k];
            off[l] = new double[r];
            for (int j = 0; j < r; j++) {
                for (int i = 0; i < k; i++) {
                    kept[l][j * k + i] = block.large()[i] * block.small()[j] / block.n();
                }
                off[l][j] = block.residual() * block.small()[j] / block.n();
            }
        }
    }

    /**
     * The best lambdas of a given shape, lambda_l proportional to shape_l: the layerwise optimum of the evidence says
     * which block needs how much compared with the others, the labels say how much. A shape of ones gives the best
     * lambda that is the same for all blocks. (A few hundred labels cannot choose hundreds of precisions one by one.)
     *
     * @param questions one element for each question, in any order; at least one
     * @param shape positive, one for each block; not modified
     * @throws IllegalArgumentException naming question and block, if the shapes disagree or there is nothing to go by
     */
    public Optimum minimise(Collection<LabelledStatistics> questions, double[] shape) {
        List<LabelledStatistics> sorted = checked(questions, shape);
        double step = (Math.log(MOST) - Math.log(LEAST)) / GRID;
        double best = 0;
        double least = Double.POSITIVE_INFINITY;
        for (int g = 0; g <= GRID; g++) {
            double level = Math.log(LEAST) + g * step;
            double nll = nll(sorted, lambdas(shape, level));
            if (nll < least) {
                least = nll;
                best = level;
            }
        }
        return minimise(sorted, shape, best, step);
    }

    /** The least NLL in the valley of a level, the log of the geometric mean of the lambdas. */
    Optimum minimise(List<LabelledStatistics> questions, double[] shape, double start, double step) {
        DoubleUnaryOperator objective = level -> nll(questions, lambdas(shape, level));
        double low = Math.log(LEAST);
        double high = Math.log(MOST);
        // Downhill until it rises again, or to the end of the range.
        double middle = start;
        double value = objective.applyAsDouble(middle);
        double left = Math.max(low, middle - step);
        double right = Math.min(high, middle + step);
        for (int way : new int[] {-1, 1}) {
            double next = way < 0 ? left : right;
            double there = objective.applyAsDouble(next);
            while (there < value) {
                left = way < 0 ? Math.max(low, next - step) : middle;
                right = way < 0 ? middle : Math.min(high, next + step);
                middle = next;
                value = there;
                next = way < 0 ? left : right;
                if (next == middle) {
                    break;
                }
                there = objective.applyAsDouble(next);
            }
        }
        double level = goldenSection(objective, left, right);
        double[] lambdas = lambdas(shape, level);
        return new Optimum(lambdas, nll(questions, lambdas));
    }

    private static double goldenSection(DoubleUnaryOperator objective, double from, double to) {
        double left = from;
        double right = to;
        double a = right - GOLDEN * (right - left);
        double b = left + GOLDEN * (right - left);
        double atA = objective.applyAsDouble(a);
        double atB = objective.applyAsDouble(b);
        while (right - left > CONVERGED) {
            if (atA <= atB) {
                right = b;
                b = a;
                atB = atA;
                a = right - GOLDEN * (right - left);
                atA = objective.applyAsDouble(a);
            } else {
                left = a;
                a = b;
                atA = atB;
                b = left + GOLDEN * (right - left);
                atB = objective.applyAsDouble(b);
            }
        }
        return (left + right) / 2;
    }

    /** Mean NLL of the labels at given lambdas, nats. */
    double nll(List<LabelledStatistics> questions, double[] lambdas) {
        double sum = 0;
        for (LabelledStatistics question : questions) {
            sum += SampledAnswer.of(
                            link.sampleInOrder(question.mean(), covariance(question, lambdas)), question.label())
                    .negativeLogLikelihood(1, 1);
        }
        return sum / questions.size();
    }

    /**
     * A question's labelled answer at given lambdas, for {@link Calibrator}.
     *
     * @param lambdas one for each block; not modified
     * @throws IllegalArgumentException naming question and block, if the shapes disagree
     */
    public LabelledContrasts answer(LabelledStatistics question, double[] lambdas) {
        check(question);
        return new LabelledContrasts(
                question.questionId(), question.mean(), covariance(question, lambdas), question.label());
    }

    /** Cov(y) [C - 1, C - 1] at given lambdas. */
    double[][] covariance(LabelledStatistics question, double[] lambdas) {
        int contrasts = question.mean().length;
        double[][] covariance = new double[contrasts][contrasts];
        for (int l = 0; l < kept.length; l++) {
            double[] p = question.blocks().get(l).projections();
            double[] weight = new double[kept[l].length];
            for (int e = 0; e < weight.length; e++) {
                weight[e] = 1 / (lambdas[l] + kept[l][e]);
            }
            double[] rest = question.blocks().get(l).rest();
            for (int c = 0; c < contrasts; c++) {
                for (int d = 0; d <= c; d++) {
                    double sum = 0;
                    for (int e = 0; e < weight.length; e++) {
                        sum += p[c * weight.length + e] * p[d * weight.length + e] * weight[e];
                    }
                    for (int j = 0; j * contrasts * contrasts < rest.length; j++) {
                        sum += rest[(j * contrasts + c) * contrasts + d] / (lambdas[l] + off[l][j]);
                    }
                    covariance[c][d] += sum;
                }
            }
        }
        for (int c = 0; c < contrasts; c++) {
            for (int d = 0; d < c; d++) {
                covariance[d][c] = covariance[c][d];
            }
        }
        return covariance;
    }

    /** exp(level) times the shape over its geometric mean. */
    private static double[] lambdas(double[] shape, double level) {
        double middle = Arrays.stream(shape).map(Math::log).average().orElseThrow();
        return Arrays.stream(shape)
                .map(s -> Math.exp(level + Math.log(s) - middle))
                .toArray();
    }

    private List<LabelledStatistics> checked(Collection<LabelledStatistics> questions, double[] shape) {
        if (questions.isEmpty()) {
            throw new IllegalArgumentException(
                    "no labelled predictive statistics: a prior needs at least one question");
        }
        if (shape.length != spectra.size() || Arrays.stream(shape).anyMatch(s -> !(s > 0 && Double.isFinite(s)))) {
            throw new IllegalArgumentException("shape must be one positive number for each of " + spectra.size()
                    + " blocks, got " + Arrays.toString(shape));
        }
        List<LabelledStatistics> sorted = new ArrayList<>(questions);
        sorted.sort(Comparator.comparing(LabelledStatistics::questionId));
        sorted.forEach(this::check);
        return sorted;
    }

    private void check(LabelledStatistics question) {
        int contrasts = question.mean().length;
        String who = "predictive statistics of question " + question.questionId();
        if (question.label() < 0 || question.label() > contrasts) {
            throw new IllegalArgumentException(who + ": label " + question.label() + " is not one of " + (contrasts + 1)
                    + " classes, 0 to " + contrasts);
        }
        if (question.blocks().size() != spectra.size()) {
            throw new IllegalArgumentException(
                    who + ": " + question.blocks().size() + " blocks where the factors have " + spectra.size());
        }
        for (int l = 0; l < kept.length; l++) {
            BlockJacobian block = question.blocks().get(l);
            if (block.projections().length != contrasts * kept[l].length) {
                throw new IllegalArgumentException(who + ", block "
                        + spectra.get(l).block() + ": "
                        + block.projections().length + " projections where the factor has " + off[l].length + " x "
                        + kept[l].length / Math.max(1, off[l].length) + " eigenpairs for " + contrasts + " contrasts");
            }
            if (block.rest().length != 0 && block.rest().length != off[l].length * contrasts * contrasts) {
                throw new IllegalArgumentException(
                        who + ", block " + spectra.get(l).block() + ": numbers off the eigenvectors must be 0 or "
                                + off[l].length * contrasts * contrasts + ", got " + block.rest().length);
            }
        }
    }
}
