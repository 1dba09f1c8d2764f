package io.calibrant.fitter.familiarity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.golden.Safetensors;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.linalg.SymmetricEigen;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Scores and p-values against the stored reference (method.md section 6), in float64. */
class FamiliarityGoldenTest {

    @ParameterizedTest
    @ValueSource(ints = {5, 10, 20})
    void shouldMeetTheReference(int rank) {
        JsonNode all = Golden.json("mcq_familiarity.json");
        Safetensors tensors = Golden.tensors("mcq_familiarity.safetensors");
        JsonNode expected = all.path("rank" + rank);
        int layers = all.path("layers").asInt();
        int d = all.path("width").asInt();
        double n = all.path("train").asDouble();
        double[] sums = tensors.values("second_moment");
        List<Integer> counting = new ArrayList<>();
        List<InputMoment> moments = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            double[] sum = Arrays.copyOfRange(sums, layer * d * d, (layer + 1) * d * d);
            double trace = 0;
            for (int i = 0; i < d; i++) {
                trace += sum[i * d + i];
            }
            SymmetricEigen eigen = SymmetricEigen.of(sum, d);
            Spectrum kept = new Spectrum(Arrays.copyOf(eigen.values(), rank), d, trace);
            boolean counts = InputMoment.tells(kept);
            assertThat(counts)
                    .as("layer %d counts", layer)
                    .isEqualTo(expected.path("layers_used").path(layer).asBoolean());
            if (counts) {
                assertThat(kept.residual())
                        .isCloseTo(expected.path("rho").path(layer).asDouble(), within(1e-9));
                counting.add(layer);
                moments.add(new InputMoment(
                        d, kept.values(), Arrays.copyOf(eigen.vectors(), rank * d), kept.residual(), trace, n));
            }
        }
        Familiarity familiarity = new Familiarity(counting, moments);

        double[] validation = scores(familiarity, tensors.values("x.val"), layers, d);
        double[] test = scores(familiarity, tensors.values("x.test"), layers, d);
        assertThat(validation).containsExactly(doubles(expected.path("score").path("val")), within(1e-8));
        assertThat(test).containsExactly(doubles(expected.path("score").path("test")), within(1e-8));
        assertThat(pValues(validation, test)).containsExactly(doubles(expected.path("p_by_validation")));
    }

    private static double[] scores(Familiarity familiarity, double[] x, int layers, int d) {
        int questions = x.length / layers / d;
        List<double[]> byLayer = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            double[] rows = new double[questions * d];
            for (int q = 0; q < questions; q++) {
                System.arraycopy(x, (q * layers + layer) * d, rows, q * d, d);
            }
            byLayer.add(rows);
        }
        double[] scores = new double[questions];
        Arrays.setAll(scores, q -> familiarity.score(byLayer, q));
        return scores;
    }

    private static double[] pValues(double[] known, double[] scores) {
        ScoreCalibration calibration = new ScoreCalibration(known);
        return Arrays.stream(scores).map(calibration::pValue).toArray();
    }

    private static double[] doubles(JsonNode array) {
        double[] values = new double[array.size()];
        Arrays.setAll(values, i -> array.get(i).asDouble());
        return values;
    }
}
