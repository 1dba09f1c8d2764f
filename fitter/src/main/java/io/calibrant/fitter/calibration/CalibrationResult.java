package io.calibrant.fitter.calibration;

import java.util.Optional;

/**
 * What a set of labelled answers decides.
 *
 * @param labels n, how many there are
 * @param temperature T of plain temperature scaling; 1 without labels
 * @param variance T and c of E softmax N(z / T, c Sigma); the modes of their priors, 1 and 0.1, without labels
 * @param crossValidation the two figures of the rule; empty with fewer than ten labels
 * @param serving what the rule chooses
 */
public record CalibrationResult(
        int labels,
        double temperature,
        VarianceScaling variance,
        Optional<CrossValidation> crossValidation,
        ServedCalibration serving) {}
