package io.calibrant.scorer.answering;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Prediction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import java.util.Arrays;

/**
 * What is served of one question's Gaussian, by the calibration of the posterior: E softmax N(z, Sigma) on the evidence
 * alone, softmax(z / T), or E softmax N(z / T, c Sigma) (method.md section 5c). c belongs to the Sigma of all blocks,
 * so that another tier serves T alone where it is known; on the evidence alone tier map serves MAP.
 *
 * <p>The epistemic part comes from the covariance in every case: with softmax(z / T) it is the mutual information of E
 * softmax N(z / T, Sigma / T^2), at most the entropy of what is served.
 *
 * @param calibration by which the probabilities were made
 * @param probabilities as served, [C]
 * @param tempered softmax(z / T), [C]; null until T is known
 * @param entropy of the served probabilities, nats
 * @param mutualInformation the epistemic part, nats, 0 to entropy
 */
@SuppressWarnings("ArrayRecordComponent") // handed on at once, compared by nobody
public record CalibratedPrediction(
        Calibration calibration, double[] probabilities, double[] tempered, double entropy, double mutualInformation) {

    /**
     * The prediction that a posterior's calibration and the tier ask for.
     *
     * @param mean contrasts z_c - z_C, [C - 1]; not modified
     * @param covariance Sigma [C - 1, C - 1]; not modified
     * @throws IllegalArgumentException if the Gaussian is not one
     */
    public static CalibratedPrediction of(
            Posterior posterior, Tier tier, Link link, double[] mean, double[][] covariance) {
        Double t = posterior.getTemperature();
        double[] tempered =
                t == null ? null : TemperatureScaling.probabilities(Arrays.copyOf(mean, mean.length + 1), t);
        Calibration calibration = calibration(posterior, tier);
        if (tier == Tier.MAP) {
            boolean scaled = calibration == Calibration.TEMPERATURE;
            return of(calibration, scaled ? tempered : Softmax.ofContrasts(mean), tempered, 0);
        }
        return switch (calibration) {
            case EVIDENCE -> of(calibration, link.predict(mean, covariance), tempered);
            case TEMPERATURE ->
                of(
                        calibration,
                        tempered,
                        tempered,
                        link.predict(scaled(mean, 1 / t), scaled(covariance, 1 / (t * t)))
                                .mutualInformation());
            case TEMPERATURE_VARIANCE ->
                of(
                        calibration,
                        link.predict(
                                scaled(mean, 1 / posterior.getVarianceTemperature()),
                                scaled(covariance, posterior.getVarianceScale())),
                        tempered);
        };
    }

    private static CalibratedPrediction of(Calibration calibration, Prediction prediction, double[] tempered) {
        return of(calibration, prediction.probabilities(), tempered, prediction.mutualInformation());
    }

    private static Calibration calibration(Posterior posterior, Tier tier) {
        Calibration of = posterior.getCalibration();
        boolean scaled = posterior.getVarianceTemperature() != null && posterior.getVarianceScale() != null;
        if (of == Calibration.TEMPERATURE_VARIANCE && tier == Tier.ALL && scaled) {
            return of;
        }
        return of == Calibration.EVIDENCE || posterior.getTemperature() == null
                ? Calibration.EVIDENCE
                : Calibration.TEMPERATURE;
    }

    private static CalibratedPrediction of(
            Calibration calibration, double[] served, double[] tempered, double information) {
        double entropy = Softmax.entropy(served);
        return new CalibratedPrediction(calibration, served, tempered, entropy, Math.min(entropy, information));
    }

    private static double[] scaled(double[] values, double factor) {
        return Arrays.stream(values).map(value -> factor * value).toArray();
    }

    private static double[][] scaled(double[][] rows, double factor) {
        return Arrays.stream(rows).map(row -> scaled(row, factor)).toArray(double[][]::new);
    }
}
