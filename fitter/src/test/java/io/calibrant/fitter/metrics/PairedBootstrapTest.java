package io.calibrant.fitter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PairedBootstrapTest {
    private final List<LabelledLogits> questions = MetricsTest.logits(200, new Random(1));

    @Test
    void shouldMeetTheNormalApproximationOfAMeanOfPairs() {
        List<LabelledProbabilities> first = at(1);
        List<LabelledProbabilities> second = at(1.3);
        double mean = 0;
        for (int i = 0; i < 200; i++) {
            mean += (first.get(i).negativeLogLikelihood() - second.get(i).negativeLogLikelihood()) / 200;
        }
        double squares = 0;
        for (int i = 0; i < 200; i++) {
            squares += Math.pow(
                    first.get(i).negativeLogLikelihood() - second.get(i).negativeLogLikelihood() - mean, 2);
        }
        double error = Math.sqrt(squares / 199 / 200);

        PairedBootstrap.Interval nll = PairedBootstrap.of(first, second).nll();

        assertThat(nll.estimate()).isEqualTo(mean, within(1e-12));
        assertThat(nll.lower()).isEqualTo(mean - 1.96 * error, within(0.25 * error));
        assertThat(nll.upper()).isEqualTo(mean + 1.96 * error, within(0.25 * error));
    }

    @Test
    void shouldPairTheQuestions() {
        // The same two sets of figures, but of other questions: what is common no longer cancels.
        List<LabelledProbabilities> first = sameLabels(at(1));
        List<LabelledProbabilities> second = sameLabels(at(1.05));
        PairedBootstrap.Interval paired = PairedBootstrap.of(first, second).nll();
        Collections.shuffle(second, new Random(2));
        PairedBootstrap.Interval unpaired = PairedBootstrap.of(first, second).nll();
        assertThat(unpaired.upper() - unpaired.lower()).isGreaterThan(5 * (paired.upper() - paired.lower()));
    }

    @Test
    void shouldFindNoDifferenceOfAMethodWithItself() {
        PairedBootstrap none = PairedBootstrap.of(at(1), at(1));
        for (PairedBootstrap.Interval each : List.of(none.accuracy(), none.nll(), none.ece(), none.brier())) {
            assertThat(each).isEqualTo(new PairedBootstrap.Interval(0, 0, 0));
            assertThat(each.isAboveZero() || each.isBelowZero()).isFalse();
        }
        // A temperature moves no argmax, but it moves the rest.
        PairedBootstrap some = PairedBootstrap.of(at(1), at(5));
        assertThat(some.accuracy().isAboveZero() || some.accuracy().isBelowZero())
                .isFalse();
        assertThat(some.nll().isAboveZero())
                .as("random labels: the sharper one is worse")
                .isTrue();
        assertThat(some.brier().isAboveZero()).isTrue();
        PairedBootstrap reverse = PairedBootstrap.of(at(5), at(1));
        assertThat(reverse.nll().isBelowZero()).isTrue();
        assertThat(reverse.nll().isAboveZero()).isFalse();
        assertThat(some.ece().estimate())
                .isEqualTo(Metrics.of(at(1)).ece() - Metrics.of(at(5)).ece(), within(1e-12));
    }

    @Test
    void shouldGiveNoIntervalForAHandfulOfQuestions() {
        PairedBootstrap nine = PairedBootstrap.of(at(1).subList(0, 9), at(5).subList(0, 9));
        for (PairedBootstrap.Interval each : List.of(nine.accuracy(), nine.nll(), nine.ece(), nine.brier())) {
            assertThat(each.isKnown() || each.isAboveZero() || each.isBelowZero())
                    .isFalse();
        }
        assertThat(nine.nll().estimate())
                .isEqualTo(
                        Metrics.of(at(1).subList(0, 9)).nll()
                                - Metrics.of(at(5).subList(0, 9)).nll(),
                        within(1e-12));
        assertThat(PairedBootstrap.of(at(1).subList(0, 10), at(5).subList(0, 10))
                        .nll()
                        .isKnown())
                .isTrue();
    }

    @Test
    void shouldBeDeterministicInItsSeed() {
        PairedBootstrap first = PairedBootstrap.of(at(1), at(2), 15, 100, 3);
        assertThat(PairedBootstrap.of(at(1), at(2), 15, 100, 3)).isEqualTo(first);
        assertThat(PairedBootstrap.of(at(1), at(2), 15, 100, 4)).isNotEqualTo(first);
    }

    @Test
    void shouldNameWhatItDoesNotAccept() {
        assertThatThrownBy(() -> PairedBootstrap.of(at(1), at(1).subList(0, 3))).hasMessageContaining("200 and 3");
        assertThatThrownBy(() -> PairedBootstrap.of(List.of(), List.of())).hasMessageContaining("0 and 0");
        assertThatThrownBy(() -> PairedBootstrap.of(
                        List.of(new LabelledProbabilities(new double[] {1, 0}, 0)),
                        List.of(new LabelledProbabilities(new double[] {1, 0}, 1))))
                .hasMessageContaining("label 0 and 1");
        assertThatThrownBy(() -> PairedBootstrap.of(at(1), at(1), 15, 10, 0))
                .hasMessage("resamples must be 40 or more, got 10");
    }

    private List<LabelledProbabilities> at(double temperature) {
        List<LabelledProbabilities> all = new ArrayList<>();
        questions.forEach(question -> all.add(question.at(temperature)));
        return all;
    }

    /** Classes turned so that the true one comes first. */
    private static List<LabelledProbabilities> sameLabels(List<LabelledProbabilities> questions) {
        List<LabelledProbabilities> turned = new ArrayList<>();
        for (LabelledProbabilities question : questions) {
            double[] p = question.probabilities();
            double first = p[0];
            p[0] = p[question.label()];
            p[question.label()] = first;
            turned.add(new LabelledProbabilities(p, 0));
        }
        return turned;
    }
}
