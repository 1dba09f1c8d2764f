package io.calibrant.fitter.evidence;

import java.util.Arrays;
import java.util.List;

/**
 * The Laplace evidence of the prior precision (method.md section 5a; the paper's Algorithm 2 without its learning
 * rate):
 *
 * <pre>log Z(lambda) = LL - 1/2 sum_l [ lambda_l ||theta_l - theta_0l||^2 + sum_mu log(1 + mu / lambda_l) ]</pre>
 */
public final class Evidence {
    private final List<BlockSpectrum> blocks;
    private final List<EvidenceTerms> each;
    private final EvidenceTerms all;
    private final double logLikelihood;

    /**
     * Evidence on some blocks.
     *
     * @param blocks one or more
     * @param logLikelihood LL of the training data at theta, nats
     * @throws IllegalArgumentException if there is no block
     */
    public Evidence(List<BlockSpectrum> blocks, double logLikelihood) {
        if (blocks.isEmpty()) {
            throw new IllegalArgumentException("no blocks: an evidence needs at least one");
        }
        this.blocks = List.copyOf(blocks);
        this.each = blocks.stream().map(b -> new EvidenceTerms(List.of(b))).toList();
        this.all = new EvidenceTerms(blocks);
        this.logLikelihood = logLikelihood;
    }

    /** log Z at one lambda a block, in the order of the blocks. */
    public double at(double[] lambdas) {
        double sum = logLikelihood;
        for (int i = 0; i < lambdas.length; i++) {
            sum -= each.get(i).penalty(lambdas[i]);
        }
        return sum;
    }

    /** gamma, at one lambda a block, in the order of the blocks. */
    public double effectiveParameters(double[] lambdas) {
        double gamma = 0;
        for (int i = 0; i < lambdas.length; i++) {
            gamma += each.get(i).effectiveParameters(lambdas[i]);
        }
        return gamma;
    }

    /** The maximum, sought from lambda = 1. */
    public Optimum maximise(PriorStructure structure) {
        return maximise(structure, 1);
    }

    /**
     * The maximum. lambda satisfies lambda ||theta - theta_0||^2 = gamma(lambda) to rounding, whatever the start.
     *
     * <p>Degenerate blocks (alone under LAYERWISE, all together under SCALAR) get a finite answer all the same: without
     * any curvature P / ||theta - theta_0||^2, the precision that the weights suggest (such a block adds nothing to a
     * predictive); for theta = theta_0, where the evidence rises without end, 1e10; for both at once 1. Every lambda
     * lies in [1e-10, 1e10].
     *
     * @param start where to start from, above 0
     */
    public Optimum maximise(PriorStructure structure, double start) {
        double[] lambdas = new double[blocks.size()];
        switch (structure) {
            case SCALAR -> Arrays.fill(lambdas, all.bestPrecision(start));
            case LAYERWISE -> Arrays.setAll(lambdas, i -> each.get(i).bestPrecision(start));
        }
        return new Optimum(lambdas, at(lambdas), effectiveParameters(lambdas));
    }

    /**
     * Where the evidence is largest.
     *
     * @param lambdas prior precision of each block, in the order of the blocks
     * @param logEvidence log Z there
     * @param effectiveParameters gamma there
     */
    @SuppressWarnings("ArrayRecordComponent") // dense numbers, never compared
    public record Optimum(double[] lambdas, double logEvidence, double effectiveParameters) {}
}
