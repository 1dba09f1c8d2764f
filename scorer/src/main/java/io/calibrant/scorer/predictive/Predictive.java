package io.calibrant.scorer.predictive;

import java.util.List;
import java.util.OptionalDouble;

/** The Gaussian over the C - 1 contrasts y_c = z_c - z_C of one question, and how new the question is. Immutable. */
public final class Predictive {
    private final double[] mean;
    private final double[][] covariance;
    private final double novelty;
    private final List<ContrastProjections> projections;
    private final OptionalDouble familiarity;

    Predictive(double[] mean, double[][] covariance, double novelty) {
        this(mean, covariance, novelty, List.of(), OptionalDouble.empty());
    }

    private Predictive(
            double[] mean,
            double[][] covariance,
            double novelty,
            List<ContrastProjections> projections,
            OptionalDouble familiarity) {
        this.familiarity = familiarity;
        this.projections = List.copyOf(projections);
        this.mean = mean;
        this.covariance = covariance;
        this.novelty = novelty;
    }

    /** Contrasts of the MAP logits: [C - 1]; a copy. */
    public double[] mean() {
        return mean.clone();
    }

    /** Posterior covariance of the contrasts: [C - 1, C - 1], symmetric, positive semi-definite; a copy. */
    public double[][] covariance() {
        double[][] copy = new double[covariance.length][];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = covariance[i].clone();
        }
        return copy;
    }

    /** What each block gave to the covariance; empty unless it was asked for. */
    public List<ContrastProjections> projections() {
        return projections;
    }

    Predictive with(List<ContrastProjections> ofBlocks) {
        return new Predictive(mean, covariance, novelty, ofBlocks, familiarity);
    }

    Predictive withFamiliarity(OptionalDouble score) {
        return new Predictive(mean, covariance, novelty, projections, score);
    }

    /** How far the question lies from the training questions; empty where that is not known. */
    public OptionalDouble familiarity() {
        return familiarity;
    }

    /** The share of the prior predictive variance that training has not explained, in (0, 1]. */
    public double novelty() {
        return novelty;
    }
}
