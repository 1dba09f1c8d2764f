package io.calibrant.scorer.answering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Prediction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.TierMembers;
import java.util.List;
import org.junit.jupiter.api.Test;

class CalibratedPredictionTest {
    private static final Link LINK = Link.monteCarlo();
    private static final double[] MEAN = {2, -1};
    private static final double[][] COVARIANCE = {{3, 0.5}, {0.5, 1}};
    private static final double[][] NONE = {{0, 0}, {0, 0}};
    private static final double[] TEMPERED = TemperatureScaling.probabilities(new double[] {2, -1, 0}, 1.7);

    @Test
    void shouldServeTheEvidenceWhereNoLabelDecides() {
        CalibratedPrediction served = served(Calibration.EVIDENCE, null, Tier.ALL, COVARIANCE);
        Prediction prediction = LINK.predict(MEAN, COVARIANCE);
        assertThat(served.calibration()).isEqualTo(Calibration.EVIDENCE);
        assertThat(served.probabilities()).isEqualTo(prediction.probabilities());
        assertThat(served.tempered()).isNull();
        assertThat(served.entropy()).isEqualTo(prediction.entropy());
        assertThat(served.mutualInformation()).isEqualTo(prediction.mutualInformation());
        // At tier map there is nothing but MAP, and nothing epistemic.
        CalibratedPrediction map = served(Calibration.EVIDENCE, null, Tier.MAP, NONE);
        assertThat(map.probabilities()).isEqualTo(Softmax.ofContrasts(MEAN));
        assertThat(map.mutualInformation()).isZero();
    }

    @Test
    void shouldServeTheTemperatureAndTakeTheEpistemicPartFromTheCovariance() {
        CalibratedPrediction served = served(Calibration.TEMPERATURE, 1.7, Tier.ALL, COVARIANCE);
        assertThat(served.calibration()).isEqualTo(Calibration.TEMPERATURE);
        assertThat(served.probabilities()).isEqualTo(TEMPERED);
        assertThat(served.tempered()).isEqualTo(TEMPERED);
        assertThat(served.entropy()).isEqualTo(Softmax.entropy(TEMPERED));
        double[][] scaled = {{3 / 2.89, 0.5 / 2.89}, {0.5 / 2.89, 1 / 2.89}};
        assertThat(served.mutualInformation())
                .isEqualTo(
                        LINK.predict(new double[] {2 / 1.7, -1 / 1.7}, scaled).mutualInformation(), within(1e-12))
                .isPositive();
        // It is never more than there is.
        double[][] huge = {{1e6, 0}, {0, 1e6}};
        CalibratedPrediction wide = served(Calibration.TEMPERATURE, 1.7, Tier.ALL, huge);
        assertThat(wide.mutualInformation()).isEqualTo(wide.entropy());
    }

    @Test
    void shouldServeTheScaledGaussianAtAllBlocksAndTheTemperatureElsewhere() {
        CalibratedPrediction served = served(Calibration.TEMPERATURE_VARIANCE, 1.7, Tier.ALL, COVARIANCE);
        double[][] scaled = {{0.3, 0.05}, {0.05, 0.1}};
        Prediction prediction = LINK.predict(new double[] {2 / 1.5, -1 / 1.5}, scaled);
        assertThat(served.calibration()).isEqualTo(Calibration.TEMPERATURE_VARIANCE);
        assertThat(served.probabilities()).containsExactly(prediction.probabilities(), within(1e-12));
        assertThat(served.tempered()).isEqualTo(TEMPERED);
        assertThat(served.mutualInformation()).isEqualTo(prediction.mutualInformation(), within(1e-12));

        for (Tier tier : new Tier[] {Tier.LAST_LAYER, Tier.MAP}) {
            CalibratedPrediction other =
                    served(Calibration.TEMPERATURE_VARIANCE, 1.7, tier, tier == Tier.MAP ? NONE : COVARIANCE);
            assertThat(other.calibration()).isEqualTo(Calibration.TEMPERATURE);
            assertThat(other.probabilities()).isEqualTo(TEMPERED);
            assertThat(other.mutualInformation() > 0).isEqualTo(tier == Tier.LAST_LAYER);
        }
    }

    @Test
    void shouldAverageTheMembersOfTheTier() {
        Posterior posterior = averaging(70);
        CalibratedPrediction all = CalibratedPrediction.of(posterior, Tier.ALL, LINK, MEAN, COVARIANCE);
        double[] own =
                LINK.predict(MEAN, new double[][] {{0.3, 0.05}, {0.05, 0.1}}).probabilities();
        assertThat(all.calibration()).isEqualTo(Calibration.AVERAGED);
        for (int c = 0; c < 3; c++) {
            assertThat(all.probabilities()[c]).isCloseTo(0.25 * own[c] + 0.75 * TEMPERED[c], within(1e-12));
        }
        assertThat(all.tempered()).isEqualTo(TEMPERED);
        assertThat(all.entropy()).isEqualTo(Softmax.entropy(all.probabilities()));
        assertThat(all.mutualInformation()).isBetween(1e-6, all.entropy());

        // v for every logit, whatever the question's own covariance is
        double[] noise =
                LINK.predict(MEAN, new double[][] {{1.2, 0.6}, {0.6, 1.2}}).probabilities();
        for (Tier tier : List.of(Tier.LAST_LAYER, Tier.FORWARD)) {
            CalibratedPrediction other =
                    CalibratedPrediction.of(posterior, tier, LINK, MEAN, tier == Tier.FORWARD ? NONE : COVARIANCE);
            assertThat(other.calibration()).isEqualTo(Calibration.AVERAGED);
            assertThat(other.probabilities()).containsExactly(noise, within(1e-12));
        }
        CalibratedPrediction map = CalibratedPrediction.of(posterior, Tier.MAP, LINK, MEAN, NONE);
        assertThat(map.calibration()).isEqualTo(Calibration.MAP);
        assertThat(map.probabilities()).isEqualTo(Softmax.ofContrasts(MEAN));
    }

    @Test
    void shouldSayWhereNoLabelDecidesAndServeTheEvidenceOnRequest() {
        Posterior posterior = averaging(0);
        assertThat(CalibratedPrediction.of(posterior, Tier.FORWARD, LINK, MEAN, NONE)
                        .calibration())
                .isEqualTo(Calibration.LABEL_FREE);
        CalibratedPrediction evidence =
                CalibratedPrediction.of(posterior, Tier.ALL, LINK, LabelFreeServing.EVIDENCE, MEAN, COVARIANCE);
        assertThat(evidence.calibration()).isEqualTo(Calibration.EVIDENCE);
        assertThat(evidence.probabilities())
                .isEqualTo(LINK.predict(MEAN, COVARIANCE).probabilities());
        CalibratedPrediction forward =
                CalibratedPrediction.of(posterior, Tier.FORWARD, LINK, LabelFreeServing.EVIDENCE, MEAN, NONE);
        assertThat(forward.calibration()).isEqualTo(Calibration.MAP);
        assertThat(forward.probabilities()).isEqualTo(Softmax.ofContrasts(MEAN));
        // labels decide, whatever is asked for where there are none
        assertThat(CalibratedPrediction.of(averaging(1), Tier.ALL, LINK, LabelFreeServing.EVIDENCE, MEAN, COVARIANCE)
                        .calibration())
                .isEqualTo(Calibration.AVERAGED);
    }

    private static Posterior averaging(long labels) {
        Posterior posterior = new Posterior();
        posterior.setCalibration(labels > 0 ? Calibration.AVERAGED : Calibration.LABEL_FREE);
        posterior.setTemperature(1.7);
        posterior.setLabels(labels);
        List<CalibrationMember> noise = List.of(new CalibrationMember("noise", 1.0, 0.2, 3.0, 1.0, null));
        posterior.setTiers(List.of(
                new TierMembers(
                        "all",
                        List.of(
                                new CalibrationMember("scaled", 1.0, 0.1, null, 0.25, -3.0),
                                new CalibrationMember("temperature", 1.7, 0.0, null, 0.75, -2.0))),
                new TierMembers("last-layer", noise),
                new TierMembers("forward", noise),
                new TierMembers("map", List.of())));
        return posterior;
    }

    private static CalibratedPrediction served(Calibration calibration, Double t, Tier tier, double[][] covariance) {
        Posterior posterior = new Posterior();
        posterior.setCalibration(calibration);
        posterior.setTiers(List.of());
        posterior.setTemperature(t);
        if (calibration == Calibration.TEMPERATURE_VARIANCE) {
            posterior.setVarianceTemperature(1.5);
            posterior.setVarianceScale(0.1);
        }
        return CalibratedPrediction.of(posterior, tier, LINK, MEAN, covariance);
    }
}
