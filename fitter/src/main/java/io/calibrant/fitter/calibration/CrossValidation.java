package io.calibrant.fitter.calibration;

/**
 * How both calibrations did on labels that they were not fitted on.
 *
 * @param temperatureNll mean NLL of softmax(z / T), nats
 * @param varianceNll mean NLL of E softmax N(z / T, c Sigma), nats
 * @param standardError standard error of the mean of the paired difference, nats
 */
public record CrossValidation(double temperatureNll, double varianceNll, double standardError) {
    /** Whether (T, c) beats temperature by more than one standard error. */
    public boolean varianceHelps() {
        return temperatureNll - varianceNll > standardError;
    }
}
