package io.calibrant.fitter.calibration;

import java.util.Objects;

/**
 * One of the predictions that are averaged: p = E softmax N(z / T, c Sigma), with the question's own Sigma or with v
 * for every logit; softmax(z / T) where c is 0 (method.md section 5c and d).
 *
 * @param name which it is
 * @param temperature T, positive
 * @param scale c, 0 or more
 * @param variance v of every logit; null for the question's own covariance
 * @param weight its share of the average, 0 to 1
 * @param logLikelihood sum of the log likelihoods of the labels, cross-validated, nats; null without labels
 */
public record Member(
        String name, double temperature, double scale, Double variance, double weight, Double logLikelihood) {
    /** E softmax N(z, c0 Sigma); needs no label. */
    public static final String SCALED = "scaled";

    /** E softmax(z + e), every e ~ N(0, c0 v); needs no label and no covariance of the question. */
    public static final String NOISE = "noise";

    /** softmax(z / T). */
    public static final String TEMPERATURE = "temperature";

    /** E softmax N(z / T, c Sigma). */
    public static final String TEMPERATURE_VARIANCE = "temperature-variance";

    /** The same with v for every logit. */
    public static final String TEMPERATURE_NOISE = "temperature-noise";

    /** Checks the numbers. @throws IllegalArgumentException naming the one that is not accepted */
    public Member {
        Objects.requireNonNull(name, "name");
        require(name, "temperature", temperature > 0 && Double.isFinite(temperature), temperature);
        require(name, "scale", scale >= 0 && Double.isFinite(scale), scale);
        require(name, "weight", weight >= 0 && weight <= 1, weight);
        if (variance != null) {
            require(name, "variance", variance >= 0 && Double.isFinite(variance), variance);
        }
    }

    private static void require(String name, String what, boolean accepted, double value) {
        if (!accepted) {
            throw new IllegalArgumentException(what + " of member " + name + " is " + value);
        }
    }

    Member withLogLikelihood(double value) {
        return new Member(name, temperature, scale, variance, weight, value);
    }

    Member withWeight(double value) {
        return new Member(name, temperature, scale, variance, value, logLikelihood);
    }
}
