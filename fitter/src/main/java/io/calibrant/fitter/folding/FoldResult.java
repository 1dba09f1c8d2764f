package io.calibrant.fitter.folding;

import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;

/**
 * What one fold publishes of one block.
 *
 * @param update the state after it
 * @param withSpectrum whether the update carries the large side's eigenvalues
 * @param factor the factors where they are due, else null
 */
public record FoldResult(FactorUpdate update, boolean withSpectrum, Factor factor) {}
