package io.calibrant.scorer.answering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Prediction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
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

    private static CalibratedPrediction served(Calibration calibration, Double t, Tier tier, double[][] covariance) {
        Posterior posterior = new Posterior();
        posterior.setCalibration(calibration);
        posterior.setTemperature(t);
        if (calibration == Calibration.TEMPERATURE_VARIANCE) {
            posterior.setVarianceTemperature(1.5);
            posterior.setVarianceScale(0.1);
        }
        return CalibratedPrediction.of(posterior, tier, LINK, MEAN, covariance);
    }
}
