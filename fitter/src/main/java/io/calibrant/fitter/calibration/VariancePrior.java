package io.calibrant.fitter.calibration;

import io.calibrant.fitter.metrics.TemperatureScaling;

/**
 * The weak priors of (T, c): (log T)^2 / (2 temperatureDeviation^2) + (log c - log 0.1)^2 / (2 scaleDeviation^2).
 *
 * @param temperatureDeviation positive, infinite for none
 * @param scaleDeviation positive, infinite for none
 */
record VariancePrior(double temperatureDeviation, double scaleDeviation) {
    /** log c is expected here. */
    static final double LOG_SCALE = Math.log(0.1);

    /** Those of method.md section 5c. */
    static final VariancePrior WEAK = new VariancePrior(TemperatureScaling.PRIOR_DEVIATION, 3);

    /** Maximum likelihood. */
    static final VariancePrior NONE = new VariancePrior(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

    /** Adds the priors' value, gradient and curvature at (log T, log c). */
    void addTo(Slopes slopes, double logTemperature, double logScale) {
        double t = 1 / (temperatureDeviation * temperatureDeviation);
        double c = 1 / (scaleDeviation * scaleDeviation);
        double off = logScale - LOG_SCALE;
        slopes.value += 0.5 * (t * logTemperature * logTemperature + c * off * off);
        slopes.a += t * logTemperature;
        slopes.b += c * off;
        slopes.aa += t;
        slopes.bb += c;
    }
}
