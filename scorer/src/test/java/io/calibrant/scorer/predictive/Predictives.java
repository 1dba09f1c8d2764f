package io.calibrant.scorer.predictive;

import java.util.List;
import java.util.OptionalDouble;

/** Predictives with given numbers, for tests of what is made of them. */
public final class Predictives {
    private Predictives() {}

    /** A predictive that nothing computed. */
    public static Predictive of(
            double[] mean, double[][] covariance, double novelty, ContrastProjections... projections) {
        return new Predictive(mean, covariance, novelty).with(List.of(projections));
    }

    /** The same with a score of familiarity. */
    public static Predictive familiar(Predictive of, double score) {
        return of.withFamiliarity(OptionalDouble.of(score));
    }
}
