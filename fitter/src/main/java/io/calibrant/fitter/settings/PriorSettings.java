package io.calibrant.fitter.settings;

import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.PriorObjective;

/**
 * The prior of a fit, and how its precision is chosen (method.md section 5).
 *
 * @param structure one prior precision, or one for each block
 * @param mean the prior's mean: zero, or the adapter's initial value (every statistic must then carry its distance)
 * @param objective what the precision maximises: the evidence, or the likelihood of the validation labels
 * @param residual whether the curvature off the kept columns counts as an isotropic residual; the paper leaves it out
 */
public record PriorSettings(PriorStructure structure, PriorMean mean, PriorObjective objective, boolean residual) {
    /** A scalar precision around zero, chosen by the evidence, with the residual. */
    public static PriorSettings defaults() {
        return new PriorSettings(PriorStructure.SCALAR, PriorMean.ZERO, PriorObjective.EVIDENCE, true);
    }

    /** The same with another structure. */
    public PriorSettings withStructure(PriorStructure other) {
        return new PriorSettings(other, mean, objective, residual);
    }

    /** The same around another mean. */
    public PriorSettings withMean(PriorMean other) {
        return new PriorSettings(structure, other, objective, residual);
    }

    /** The same, chosen by another objective. */
    public PriorSettings withObjective(PriorObjective other) {
        return new PriorSettings(structure, mean, other, residual);
    }

    /** The same with or without the residual. */
    public PriorSettings withResidual(boolean other) {
        return new PriorSettings(structure, mean, objective, other);
    }
}
