package io.calibrant.scorer.answering;

import io.calibrant.fitter.calibration.Member;
import io.calibrant.fitter.calibration.Mixture;
import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Prediction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import java.util.Arrays;
import java.util.List;

/**
 * What is served of one question's Gaussian: the average of the members that the posterior lists for the tier
 * (method.md section 5), MAP where it lists none. Of a posterior that averages nothing, as fitters of earlier versions
 * made them, what its calibration says: E softmax N(z, Sigma) on the evidence alone, softmax(z / T), or E softmax N(z /
 * T, c Sigma), of which c belongs to the Sigma of all blocks, so that another tier serves T alone where it is known.
 *
 * <p>The epistemic part of an average is its entropy less the weighted mean of its members' expected entropies. With
 * softmax(z / T) of an earlier posterior it is the mutual information of E softmax N(z / T, Sigma / T^2).
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

    /** {@link #of(Posterior, Tier, Link, LabelFreeServing, double[], double[][])} with the average without labels. */
    public static CalibratedPrediction of(
            Posterior posterior, Tier tier, Link link, double[] mean, double[][] covariance) {
        return of(posterior, tier, link, LabelFreeServing.AVERAGE, mean, covariance);
    }

    /**
     * The prediction that a posterior's calibration and the tier ask for.
     *
     * @param labelFree what serves where no label is known
     * @param mean contrasts z_c - z_C, [C - 1]; not modified
     * @param covariance Sigma [C - 1, C - 1]; not modified
     * @throws IllegalArgumentException if the Gaussian is not one
     */
    public static CalibratedPrediction of(
            Posterior posterior,
            Tier tier,
            Link link,
            LabelFreeServing labelFree,
            double[] mean,
            double[][] covariance) {
        Double t = posterior.getTemperature();
        double[] tempered =
                t == null ? null : TemperatureScaling.probabilities(Arrays.copyOf(mean, mean.length + 1), t);
        return posterior.getTiers().isEmpty()
                ? chosen(posterior, tier, link, tempered, mean, covariance)
                : averaged(posterior, tier, link, labelFree, tempered, mean, covariance);
    }

    private static CalibratedPrediction averaged(
            Posterior posterior,
            Tier tier,
            Link link,
            LabelFreeServing labelFree,
            double[] tempered,
            double[] mean,
            double[][] covariance) {
        boolean labelled = posterior.getLabels() > 0;
        if (!labelled && labelFree == LabelFreeServing.EVIDENCE && tier.hasCovariance()) {
            return of(Calibration.EVIDENCE, link.predict(mean, covariance), tempered);
        }
        List<Member> members = labelled || labelFree == LabelFreeServing.AVERAGE ? members(posterior, tier) : List.of();
        if (members.isEmpty()) {
            return of(Calibration.MAP, Softmax.ofContrasts(mean), tempered, 0);
        }
        Mixture mixture = Mixture.of(members, link, mean, covariance);
        return of(
                labelled ? Calibration.AVERAGED : Calibration.LABEL_FREE,
                mixture.probabilities(),
                tempered,
                mixture.entropy() - mixture.expectedEntropy());
    }

    /** What a posterior averages at a tier; empty where it lists nothing. */
    public static List<Member> members(Posterior posterior, Tier tier) {
        return posterior.getTiers().stream()
                .filter(each -> each.getTier().equals(tier.label()))
                .flatMap(each -> each.getMembers().stream())
                .map(member -> new Member(
                        member.getName(),
                        member.getTemperature(),
                        member.getScale(),
                        member.getVariance(),
                        member.getWeight(),
                        member.getLogLikelihood()))
                .toList();
    }

    /** As fitters chose before they averaged. */
    private static CalibratedPrediction chosen(
            Posterior posterior, Tier tier, Link link, double[] tempered, double[] mean, double[][] covariance) {
        Calibration calibration = calibration(posterior, tier);
        if (!tier.hasCovariance()) {
            return calibration == Calibration.TEMPERATURE
                    ? of(calibration, tempered, tempered, 0)
                    : of(Calibration.MAP, Softmax.ofContrasts(mean), tempered, 0);
        }
        if (calibration == Calibration.TEMPERATURE) {
            double t = posterior.getTemperature();
            return of(
                    calibration,
                    tempered,
                    tempered,
                    link.predict(mean, covariance, t, 1 / (t * t)).mutualInformation());
        }
        return calibration == Calibration.EVIDENCE
                ? of(calibration, link.predict(mean, covariance), tempered)
                : of(
                        calibration,
                        link.predict(
                                mean, covariance, posterior.getVarianceTemperature(), posterior.getVarianceScale()),
                        tempered);
    }

    /**
     * The same with (1 - g) p + g / C in place of p (method.md section 6, "Under shift").
     *
     * @param g 0 to 1; 0 changes nothing
     */
    public CalibratedPrediction softened(double g) {
        return g == 0
                ? this
                : of(calibration, ScoreCalibration.softened(probabilities, g), tempered, mutualInformation);
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
}
