package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.fitter.golden.Contrasts;
import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.golden.GoldenFit;
import io.calibrant.fitter.golden.Safetensors;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/**
 * (T, c) against the reference's on the reference model: fitted without priors on 100 validation questions, judged on
 * 100 others. The scalars themselves are nearly unidentified there; the NLL is compared.
 */
class GoldenCalibrationTest {
    /** Written by {@code GoldenValidationPriorTest.main} of the scorer's tests. */
    private static final String EXTRACT = "/golden-validation.json";

    @Test
    void shouldMeetTheReferenceWithoutPriors() throws IOException {
        JsonNode expected = Golden.json("mcq_supplement.json").path("expand_rank10_residual");
        Link link = new Link(LinkFunction.MC, 4096, 0);
        List<SampledAnswer> validation = Answers.sampled(validation(), link);
        List<SampledAnswer> test = Answers.sampled(test(), link);

        VarianceScaling found = new VarianceFit(VariancePrior.NONE).fit(validation);

        JsonNode both = expected.path("evidence_Tc");
        System.out.println(String.format(
                Locale.ROOT,
                "(T, c): %.3f, %.5f (%.3f, %.5f), validation NLL %.5f (%.5f), test NLL %.5f (%.5f)",
                found.temperature(),
                found.scale(),
                both.path("T").asDouble(),
                both.path("c").asDouble(),
                nll(validation, found),
                both.path("val_nll").asDouble(),
                nll(test, found),
                both.path("nll").asDouble()));
        assertThat(nll(validation, found)).isCloseTo(both.path("val_nll").asDouble(), within(2e-4));
        assertThat(nll(test, found)).isCloseTo(both.path("nll").asDouble(), within(1e-3));
    }

    @Test
    void shouldWeighTemperatureAsTheReferenceSeesIt() throws IOException {
        // The reference: temperature 1.1175, (T, c) 1.1193 on the test questions.
        CalibrationResult calibrated = new Calibrator().calibrate(validation());
        assertThat(calibrated.all()).extracting(Member::name).startsWith(Member.TEMPERATURE);
        assertThat(calibrated.all().get(0).weight()).isGreaterThan(0.9);
        assertThat(calibrated.labels()).isEqualTo(100);
        assertThat(calibrated.temperature()).isBetween(2.2, 2.83); // 2.829 without its prior
    }

    private static List<LabelledContrasts> validation() throws IOException {
        List<LabelledContrasts> answers = new ArrayList<>();
        try (InputStream in = GoldenCalibrationTest.class.getResourceAsStream(EXTRACT)) {
            for (JsonNode question : new ObjectMapper().readTree(in)) {
                double[][] covariance = new double[3][];
                for (int c = 0; c < 3; c++) {
                    covariance[c] =
                            GoldenFit.doubles(question.path("covariance").path(c));
                }
                answers.add(new LabelledContrasts(
                        "val-" + answers.size(),
                        GoldenFit.doubles(question.path("mean")),
                        covariance,
                        question.path("label").asInt()));
            }
        }
        return answers;
    }

    private static List<LabelledContrasts> test() {
        Safetensors metrics = Golden.tensors("mcq_metrics.safetensors");
        double[][] mu = metrics.matrix("test.mu");
        int[] labels = metrics.labels("test.labels");
        double[][][] sigma = Golden.tensors("mcq_supplement.safetensors").cube("Sigma.expand_rank10_residual.evidence");
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < mu.length; i++) {
            answers.add(new LabelledContrasts(
                    "test-" + i, Contrasts.mean(mu[i]), Contrasts.covariance(sigma[i]), labels[i]));
        }
        return answers;
    }

    private static double nll(List<SampledAnswer> answers, VarianceScaling at) {
        return answers.stream()
                .mapToDouble(answer -> answer.negativeLogLikelihood(at.temperature(), at.scale()))
                .average()
                .orElseThrow();
    }
}
