package io.calibrant.fitter.calibration;

/**
 * The two scalars of p = E softmax N(z / T, c Sigma) (method.md section 5c).
 *
 * @param temperature T, positive
 * @param scale c, positive
 */
public record VarianceScaling(double temperature, double scale) {}
