package io.calibrant.fitter.calibration;

/** What served probabilities rest on. */
public enum ServedCalibration {
    /** E softmax N(z, Sigma): no labels, so the evidence alone decides. */
    EVIDENCE,
    /** softmax(z / T). */
    TEMPERATURE,
    /** E softmax N(z / T, c Sigma). */
    TEMPERATURE_VARIANCE
}
