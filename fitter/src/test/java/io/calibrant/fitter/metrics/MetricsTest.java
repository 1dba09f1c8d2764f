package io.calibrant.fitter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetricsTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 10, 15, 97})
    void shouldMeetItsNaiveTwinOnMixedClasses(int bins) {
        List<LabelledProbabilities> questions = random(211, new Random(bins));

        Metrics metrics = Metrics.of(questions, bins);

        // One pass per figure and per bin, straight from the definitions.
        double correct = 0;
        double nll = 0;
        double brier = 0;
        double ece = 0;
        for (LabelledProbabilities question : questions) {
            correct += question.correct() ? 1 : 0;
            nll -= Math.log(question.probabilities()[question.label()]);
            for (int c = 0; c < question.probabilities().length; c++) {
                brier += Math.pow(question.probabilities()[c] - (c == question.label() ? 1 : 0), 2);
            }
        }
        for (int b = 0; b < bins; b++) {
            double lower = (double) b / bins;
            double upper = (double) (b + 1) / bins;
            List<LabelledProbabilities> inside = questions.stream()
                    .filter(q -> q.confidence() > lower && q.confidence() <= upper)
                    .toList();
            double gap = 0;
            for (LabelledProbabilities question : inside) {
                gap += (question.correct() ? 1 : 0) - question.confidence();
            }
            ece += Math.abs(gap) / questions.size();
        }
        assertThat(metrics.n()).isEqualTo(211);
        assertThat(metrics.bins()).isEqualTo(bins);
        assertThat(metrics.accuracy()).isEqualTo(correct / 211, within(1e-12));
        assertThat(metrics.nll()).isEqualTo(nll / 211, within(1e-12));
        assertThat(metrics.brier()).isEqualTo(brier / 211, within(1e-12));
        assertThat(metrics.ece()).isEqualTo(ece, within(1e-12));
    }

    @Test
    void shouldPutAConfidenceOnAnEdgeIntoTheBinBelowIt() {
        for (int bins : new int[] {10, 15, 25, 29, 49}) {
            for (int edge = 1; edge <= bins; edge++) {
                double confidence = (double) edge / bins;
                Reliability table =
                        Reliability.of(List.of(new LabelledProbabilities(new double[] {confidence, 0}, 0)), bins);
                assertThat(table.bins().get(edge - 1).count()).isEqualTo(1);
            }
        }
    }

    @Test
    void shouldTabulateCountConfidenceAndAccuracy() {
        Reliability table = Reliability.of(
                List.of(
                        new LabelledProbabilities(new double[] {0.7, 0.3}, 0),
                        new LabelledProbabilities(new double[] {0.2, 0.8}, 0),
                        new LabelledProbabilities(new double[] {0.55, 0.45}, 0)),
                4);

        assertThat(table.bins()).extracting(Reliability.Bin::count).containsExactly(0, 0, 2, 1);
        assertThat(table.bins().get(2).confidence()).isEqualTo(0.625, within(1e-15));
        assertThat(table.bins().get(2).accuracy()).isEqualTo(1);
        assertThat(table.bins().get(3).accuracy()).isZero();
        assertThat(table.calibrationError()).isEqualTo((2 * 0.375 + 0.8) / 3, within(1e-15));
    }

    @Test
    void shouldStayFiniteWhereTheTrueClassHasProbabilityZero() {
        Metrics metrics = Metrics.of(List.of(new LabelledProbabilities(new double[] {1, 0}, 1)));
        assertThat(metrics.nll()).isFinite().isGreaterThan(700);
        assertThat(metrics.brier()).isEqualTo(2);
    }

    @Test
    void shouldNameWhatItDoesNotAccept() {
        assertThatThrownBy(() -> Metrics.of(List.of())).hasMessageContaining("found none");
        assertThatThrownBy(() -> Reliability.of(List.of(), 0)).hasMessageContaining("found 0");
        assertThatThrownBy(() -> new LabelledProbabilities(new double[] {1}, 1)).hasMessageContaining("label 1");
        assertThatThrownBy(() -> new LabelledProbabilities(new double[] {Double.NaN}, 0))
                .hasMessageContaining("NaN");
        assertThatThrownBy(() -> new LabelledLogits(new double[] {Double.POSITIVE_INFINITY}, 0))
                .hasMessageContaining("Infinity");
    }

    static List<LabelledProbabilities> random(int n, Random random) {
        List<LabelledProbabilities> questions = new ArrayList<>();
        for (LabelledLogits question : logits(n, random)) {
            questions.add(question.at(1));
        }
        return questions;
    }

    static List<LabelledLogits> logits(int n, Random random) {
        List<LabelledLogits> questions = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            int classes = 2 + random.nextInt(4);
            double[] z = random.doubles(classes, -4, 4).toArray();
            questions.add(new LabelledLogits(z, random.nextInt(classes)));
        }
        return questions;
    }
}
