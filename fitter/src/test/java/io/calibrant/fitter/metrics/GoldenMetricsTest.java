package io.calibrant.fitter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.golden.Contrasts;
import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.golden.Safetensors;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The metrics table of the golden README, from stored means and covariances. */
class GoldenMetricsTest {
    @Test
    void shouldGiveTheMapRow() {
        Safetensors golden = Safetensors.extract();
        List<LabelledProbabilities> map = new ArrayList<>();
        for (LabelledLogits question : questions(golden, "metrics.test")) {
            map.add(question.at(1));
        }
        Metrics metrics = print("map", Metrics.of(map));
        assertThat(metrics.accuracy()).isEqualTo(0.54, within(1e-12));
        assertThat(metrics.nll()).isEqualTo(1.581246588179421, within(1e-9));
        assertThat(metrics.ece()).isEqualTo(0.2281873399661611, within(1e-9));
        assertThat(metrics.brier()).isEqualTo(0.656801805099186, within(1e-9));
    }

    @Test
    void shouldGiveTheTemperatureRowByMaximumLikelihood() {
        Safetensors golden = Safetensors.extract();
        double temperature = TemperatureScaling.fit(questions(golden, "metrics.val"), Double.POSITIVE_INFINITY);
        assertThat(temperature).isEqualTo(2.8294220695647843, within(1e-5));
        List<LabelledProbabilities> scaled = new ArrayList<>();
        for (LabelledLogits question : questions(golden, "metrics.test")) {
            scaled.add(question.at(temperature));
        }
        Metrics metrics = print("map_temperature_val", Metrics.of(scaled));
        assertThat(metrics.accuracy()).isEqualTo(0.54, within(1e-12));
        assertThat(metrics.nll()).isEqualTo(1.1175225540336153, within(1e-6));
        assertThat(metrics.ece()).isEqualTo(0.07532377691828752, within(1e-6));
        assertThat(metrics.brier()).isEqualTo(0.584100664860014, within(1e-6));
    }

    @Test
    void shouldGiveTheRowOfTheExtract() {
        Safetensors golden = Safetensors.extract();
        Metrics metrics = laplace(golden, "metrics.", "fit200.expand_full.lml", "extract");
        assertThat(metrics.accuracy()).isEqualTo(0.50, within(1e-12));
        assertThat(metrics.nll()).isEqualTo(1.2204182383437898, within(2e-4));
        assertThat(metrics.ece()).isEqualTo(0.11535701454898786, within(5e-4));
        assertThat(metrics.brier()).isEqualTo(0.61486930493924, within(2e-4));
    }

    @ParameterizedTest
    @CsvSource({
        "fit32.expand_full.lml", "fit32.expand_full.val", "fit32.expand_rank10.lml", "fit32.expand_rank10.val",
        "fit200.expand_full.lml", "fit200.expand_full.val", "fit200.expand_rank10.lml", "fit200.expand_rank10.val"
    })
    void shouldGiveEveryRowForExpand(String row) {
        JsonNode expected = Golden.json("mcq_golden.json").get("metrics").get(row);
        Safetensors golden = Golden.tensors("mcq_metrics.safetensors");

        // From the stored probabilities to rounding, ours to what the reference's own 65,536 points are worth.
        double[][] stored = golden.matrix(row + ".p");
        int[] labels = golden.labels("test.labels");
        List<LabelledProbabilities> predictions = new ArrayList<>();
        for (int i = 0; i < stored.length; i++) {
            predictions.add(new LabelledProbabilities(stored[i], labels[i]));
        }
        assertRow(Metrics.of(predictions), expected, 1e-9);
        assertRow(laplace(golden, "", row, row), expected, 1e-3);
    }

    private static void assertRow(Metrics metrics, JsonNode expected, double tolerance) {
        assertThat(metrics.accuracy()).isEqualTo(expected.get("acc").asDouble(), within(1e-12));
        assertThat(metrics.nll()).isEqualTo(expected.get("nll").asDouble(), within(tolerance));
        assertThat(metrics.ece()).isEqualTo(expected.get("ece").asDouble(), within(tolerance));
        assertThat(metrics.brier()).isEqualTo(expected.get("brier").asDouble(), within(tolerance));
    }

    private static Metrics laplace(Safetensors golden, String prefix, String row, String name) {
        // As many points as the reference took.
        Link link = new Link(LinkFunction.MC, 65_536, 0);
        double[][] mu = golden.matrix(prefix + "test.mu");
        int[] labels = golden.labels(prefix + "test.labels");
        double[][][] sigma = golden.cube(prefix + row + ".Sigma");
        double[][] stored = golden.matrix(prefix + row + ".p");
        List<LabelledProbabilities> predictions = new ArrayList<>();
        double worst = 0;
        for (int i = 0; i < mu.length; i++) {
            double[] p = link.predict(Contrasts.mean(mu[i]), Contrasts.covariance(sigma[i]))
                    .probabilities();
            for (int c = 0; c < p.length; c++) {
                worst = Math.max(worst, Math.abs(p[c] - stored[i][c]));
            }
            predictions.add(new LabelledProbabilities(p, labels[i]));
        }
        assertThat(worst).as("probabilities of " + row).isLessThan(2e-3);
        return print(name + String.format(Locale.ROOT, " (p off by %.1e)", worst), Metrics.of(predictions));
    }

    private static List<LabelledLogits> questions(Safetensors golden, String split) {
        double[][] mu = golden.matrix(split + ".mu");
        int[] labels = golden.labels(split + ".labels");
        List<LabelledLogits> questions = new ArrayList<>();
        for (int i = 0; i < mu.length; i++) {
            questions.add(new LabelledLogits(mu[i], labels[i]));
        }
        return questions;
    }

    private static Metrics print(String row, Metrics m) {
        System.out.println(String.format(
                Locale.ROOT,
                "metrics %s: ACC %.2f NLL %.4f ECE(%d) %.4f Brier %.4f",
                row,
                m.accuracy(),
                m.nll(),
                m.bins(),
                m.ece(),
                m.brier()));
        return m;
    }
}
