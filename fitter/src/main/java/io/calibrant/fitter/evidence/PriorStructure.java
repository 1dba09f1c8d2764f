package io.calibrant.fitter.evidence;

/** How many prior precisions there are. */
public enum PriorStructure {
    /** One lambda for all blocks (the paper). */
    SCALAR,
    /** One lambda for each block. */
    LAYERWISE
}
