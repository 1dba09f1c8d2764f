package io.calibrant.infra.documents;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.fitter.linalg.Spectrum;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The worked example of statistics.md: its records follow from its vectors, and its figures from its records. */
class StatisticsPageTest {
    private static final double[][] X = {{1, 0, 2}, {0, 1, 1}};
    private static final double[][] DH = {{0.4, 0.1}, {-0.2, 0.3}};
    private static final double[] A = {0.5, 0, 0.25};
    private static final double[] B = {0.5, -1};
    private static final double SCALING = 2;

    private final Page page = Page.read("infra/docs/statistics.md");

    @Test
    void shouldMakeTheRecordsOfItsVectors() throws Exception {
        double smallOfA = 0;
        double smallOfB = 0;
        for (int t = 0; t < X.length; t++) {
            smallOfA += Math.pow(SCALING * dot(B, DH[t]), 2);
            smallOfB += Math.pow(dot(A, X[t]), 2);
        }
        JsonNode first = record(0);
        JsonNode second = record(1);
        assertThat(first.at("/small/0/0").asDouble()).isCloseTo(smallOfA, within(1e-12));
        assertThat(second.at("/small/0/0").asDouble()).isCloseTo(smallOfB, within(1e-12));
        for (int t = 0; t < X.length; t++) {
            assertThat(numbers(first.at("/rows/" + t))).containsExactly(X[t]);
            assertThat(numbers(second.at("/rows/" + t)))
                    .containsExactly(new double[] {SCALING * DH[t][0], SCALING * DH[t][1]}, within(1e-12));
        }
        assertThat(first.get("trace").asDouble()).isEqualTo(7);
        assertThat(second.get("trace").asDouble())
                .isCloseTo(4 * (dot(DH[0], DH[0]) + dot(DH[1], DH[1])), within(1e-12));
        assertThat(first.get("squaredNorm").asDouble()).isEqualTo(dot(A, A));
        assertThat(second.get("squaredNorm").asDouble()).isEqualTo(dot(B, B));
    }

    @Test
    void shouldGiveItsFigures() throws Exception {
        JsonNode record = record(0);
        double[] small = {record.at("/small/0/0").asDouble()};
        KroneckerFactor factor = KroneckerFactor.empty(3, 1, 1, Compression.TRUNCATE)
                .fold(
                        new BatchSums(
                                Rows.of(new double[] {1, 0, 2, 0, 1, 1}),
                                2,
                                record.get("trace").asDouble(),
                                small,
                                record.get("n").asDouble(),
                                record.get("examples").asDouble(),
                                record.get("logLikelihood").asDouble()),
                        1);
        Spectrum large = factor.large().spectrum();
        assertThat(large.values()).containsExactly(new double[] {6}, within(1e-6));
        assertThat(large.sum() / large.trace()).isCloseTo(0.857, within(5e-4));
        assertThat(large.residual()).isCloseTo(0.5, within(1e-6));

        Evidence evidence = new Evidence(
                List.of(BlockSpectrum.of(
                        "m.lora_A",
                        large,
                        true,
                        small,
                        factor.n(),
                        record.get("squaredNorm").asDouble())),
                record.get("logLikelihood").asDouble());
        Evidence.Optimum best = evidence.maximise(PriorStructure.SCALAR);
        assertThat(best.lambdas()[0]).isCloseTo(2.0725, within(5e-5));
        assertThat(best.effectiveParameters()).isCloseTo(0.648, within(5e-4));
        assertThat(best.logEvidence()).isCloseTo(-1.4453, within(5e-5));
        assertThat(String.join(" ", page.prose())).contains("0.857", "2.0725", "0.648", "-1.4453");
    }

    /** One of the page's JSON objects; they stand one after the other. */
    private JsonNode record(int index) throws Exception {
        var records = new ObjectMapper()
                .readerFor(JsonNode.class)
                .<JsonNode>readValues(page.blocks("json").get(0));
        return records.readAll().get(index);
    }

    private static double[] numbers(JsonNode array) {
        double[] numbers = new double[array.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = array.get(i).asDouble();
        }
        return numbers;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
