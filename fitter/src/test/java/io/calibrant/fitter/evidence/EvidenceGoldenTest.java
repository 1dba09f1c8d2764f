package io.calibrant.fitter.evidence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.golden.GoldenFit;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The evidence on stored float64 factors against the stored reference. */
class EvidenceGoldenTest {

    @ParameterizedTest
    @ValueSource(strings = {"expand", "expand_headlast", "authors"})
    void shouldMeetTheReferenceOn32Questions(String convention) {
        for (String rank : new String[] {"full", "rank10"}) {
            GoldenFit fit = GoldenFit.of32(convention + "_" + rank);
            shouldMeet(fit, "full".equals(rank) ? null : 10, fit.expected());
        }
    }

    @Test
    void shouldMeetTheCommittedExtractOf32Questions() {
        GoldenFit fit = GoldenFit.extract("headlast32");
        shouldMeet(fit, null, fit.expected().path("full"));
        shouldMeet(fit, 10, fit.expected().path("rank10"));
    }

    private static void shouldMeet(GoldenFit fit, Integer rank, JsonNode expected) {
        Evidence evidence = new Evidence(fit.spectra(rank, false), fit.logLikelihood());
        double[] grid = GoldenFit.doubles(expected.path("lambda_grid"));
        double[] values = GoldenFit.doubles(expected.path("grid"));
        assertThat(grid).hasSize(25);
        for (int i = 0; i < grid.length; i++) {
            double[] same = new double[fit.blocks().size()];
            Arrays.fill(same, grid[i]);
            assertThat(evidence.at(same)).isCloseTo(values[i], within(1e-9 * Math.abs(values[i])));
        }
        Evidence.Optimum scalar = evidence.maximise(PriorStructure.SCALAR);
        shouldBeNear(scalar.lambdas()[0], expected.path("lambda_star"), 1e-6);
        shouldBeNear(scalar.logEvidence(), expected.path("lml_at_star"), 1e-9);

        Evidence.Optimum layerwise = evidence.maximise(PriorStructure.LAYERWISE);
        shouldBeNear(layerwise.logEvidence(), expected.path("lml_at_layerwise"), 1e-9);
        for (int i = 0; i < fit.blocks().size(); i++) {
            shouldBeNear(
                    layerwise.lambdas()[i],
                    expected.path("layerwise_lambda_star")
                            .path(fit.blocks().get(i).name()),
                    1e-6);
        }
    }

    @ParameterizedTest
    @CsvSource({"true", "false"})
    void shouldMeetTheWholeWayOf200Questions(boolean extract) {
        GoldenFit fit = extract ? GoldenFit.extract("wholeWay") : GoldenFit.wholeWay();
        for (String variant : new String[] {"full", "rank10_residual"}) {
            Evidence evidence =
                    new Evidence(fit.spectra("full".equals(variant) ? null : 10, true), fit.logLikelihood());
            Evidence.Optimum scalar = evidence.maximise(PriorStructure.SCALAR);
            JsonNode one = fit.expected().path(variant + ".scalar");
            shouldBeNear(scalar.lambdas()[0], one.path("lambda_"), 1e-6);
            shouldBeNear(scalar.logEvidence(), one.path("log_evidence"), 1e-9);
            shouldBeNear(scalar.effectiveParameters(), one.path("effective_parameters"), 1e-6);

            Evidence.Optimum layerwise = evidence.maximise(PriorStructure.LAYERWISE);
            JsonNode many = fit.expected().path(variant + ".layerwise");
            shouldBeNear(layerwise.logEvidence(), many.path("log_evidence"), 1e-9);
            shouldBeNear(layerwise.effectiveParameters(), many.path("effective_parameters"), 1e-6);
            for (int i = 0; i < fit.blocks().size(); i++) {
                shouldBeNear(
                        layerwise.lambdas()[i],
                        many.path("lambda_").path(fit.blocks().get(i).name()),
                        1e-6);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "expand, false, false",
        "expand_rank10, true, false",
        "expand_rank10_residual, true, true",
        "reduce, false, false",
        "reduce_rank10, true, false",
        "reduce_rank10_residual, true, true"
    })
    void shouldMeetTheSupplement(String variant, boolean truncated, boolean residual) {
        GoldenFit fit = GoldenFit.supplement(variant.startsWith("reduce"));
        JsonNode expected = fit.expected().path(variant);
        Evidence evidence = new Evidence(fit.spectra(truncated ? 10 : null, residual), fit.logLikelihood());

        Evidence.Optimum scalar = evidence.maximise(PriorStructure.SCALAR);
        shouldBeNear(scalar.lambdas()[0], expected.path("lambda_star"), 1e-6);
        shouldBeNear(scalar.logEvidence(), expected.path("lml"), 1e-9);
        shouldBeNear(evidence.maximise(PriorStructure.LAYERWISE).logEvidence(), expected.path("lml_layerwise"), 1e-9);
    }

    private static void shouldBeNear(double found, JsonNode expected, double relative) {
        assertThat(expected.isNumber()).isTrue();
        assertThat(found).isCloseTo(expected.asDouble(), within(relative * Math.abs(expected.asDouble())));
    }
}
