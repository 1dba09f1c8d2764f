package io.calibrant.fitter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConformalSetsTest {
    @ParameterizedTest
    @CsvSource({"19, .1", "50, .2", "99, .05"})
    void shouldCoverAsPromisedAndHardlyMore(int n, double alpha) {
        // Probabilities that are worth nothing: labels at random. The promise holds all the same, within 1 / (n + 1)
        // from above.
        Random random = new Random(n);
        int rounds = 3000;
        double covered = 0;
        for (int round = 0; round < rounds; round++) {
            ConformalSets sets = ConformalSets.calibrated(MetricsTest.random(n, random), alpha);
            covered += sets.coverage(MetricsTest.random(1, random));
        }
        double noise = 3 * Math.sqrt(alpha * (1 - alpha) / rounds);
        assertThat(covered / rounds).isBetween(1 - alpha - noise, 1 - alpha + 1.0 / (n + 1) + noise);
    }

    @Test
    void shouldTakeTheRankThatTheFiniteSampleCallsFor() {
        // Scores .1 to .9: of nine, alpha = .2 calls for the 8th of 10 places, alpha = .1 for the 9th, alpha = .05 for
        // a tenth.
        List<LabelledProbabilities> nine = new ArrayList<>();
        for (int i = 1; i <= 9; i++) {
            nine.add(new LabelledProbabilities(new double[] {1 - i / 10.0, i / 10.0}, 0));
        }
        assertThat(ConformalSets.calibrated(nine, 0.2).threshold()).isEqualTo(0.8, within(1e-12));
        assertThat(ConformalSets.calibrated(nine, 0.1).threshold()).isEqualTo(0.9, within(1e-12));
        assertThat(ConformalSets.calibrated(nine, 0.05).threshold()).isInfinite();
    }

    @Test
    void shouldHoldAllClassesWhereNothingIsKnown() {
        ConformalSets sets = ConformalSets.calibrated(List.of(), 0.1);
        assertThat(sets.of(new double[] {1, 0, 0})).containsExactly(0, 1, 2);
    }

    @Test
    void shouldCountCoverageAndSize() {
        ConformalSets sets = new ConformalSets(0.1, 0.7);
        List<LabelledProbabilities> questions = List.of(
                new LabelledProbabilities(new double[] {0.4, 0.35, 0.25}, 1),
                new LabelledProbabilities(new double[] {0.8, 0.1, 0.1}, 2));
        assertThat(sets.of(questions.get(0).probabilities())).containsExactly(0, 1);
        assertThat(sets.coverage(questions)).isEqualTo(0.5);
        assertThat(sets.meanSize(questions)).isEqualTo(1.5);
    }

    @Test
    void shouldNameWhatItDoesNotAccept() {
        assertThatThrownBy(() -> ConformalSets.calibrated(List.of(), 1))
                .hasMessage("alpha must be between 0 and 1, got 1.0");
    }
}
