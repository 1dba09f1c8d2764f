package io.calibrant.fitter.monitoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Against NannyML's CBPE and ppi_py: {@code infra/python/check_monitoring.py} stores what these say. */
class PublicCodeTest {
    private static final Path STORED = Path.of("src/test/resources/monitoring");

    @Test
    void shouldEstimateAsThePublicCodeDoes() throws IOException {
        AccuracySums sums = AccuracySums.NONE;
        for (String line : rows("answers.csv")) {
            String[] cells = line.split(",", 2);
            AccuracySums one = AccuracySums.of(Double.parseDouble(cells[0]));
            sums = sums.plus(cells[1].isEmpty() ? one : one.labelled(cells[1].equals("1")));
        }
        Map<String, Double> figures = new HashMap<>();
        for (String line : rows("estimates.csv")) {
            String[] cells = line.split(",", 2);
            figures.put(cells[0], Double.parseDouble(cells[1]));
        }
        assertThat(AccuracyEstimate.withoutLabels(sums).orElseThrow().value())
                .isCloseTo(figures.get("cbpe.value"), within(1e-8));
        AccuracyEstimate powered = AccuracyEstimate.predictionPowered(sums).orElseThrow();
        assertThat(powered.value()).isCloseTo(figures.get("ppi.value"), within(1e-8));
        assertThat(powered.lower()).isCloseTo(figures.get("ppi.lower"), within(1e-8));
        assertThat(powered.upper()).isCloseTo(figures.get("ppi.upper"), within(1e-8));
    }

    private static List<String> rows(String file) throws IOException {
        List<String> lines = Files.readAllLines(STORED.resolve(file));
        return lines.subList(1, lines.size());
    }
}
