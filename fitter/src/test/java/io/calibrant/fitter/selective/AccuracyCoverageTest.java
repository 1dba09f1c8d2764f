package io.calibrant.fitter.selective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.metrics.LabelledProbabilities;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AccuracyCoverageTest {
    @Test
    void shouldEqualTheCurveThatIsCountedPointByPoint() {
        Random random = new Random(3);
        for (int n : new int[] {1, 2, 13, 101}) {
            List<GradedAnswer> answers = calibrated(n, random);
            AccuracyCoverage curve = AccuracyCoverage.of(answers);
            double sum = 0;
            for (AccuracyCoverage.Point point : curve.points(n)) {
                List<GradedAnswer> accepted = answers.stream()
                        .filter(each -> each.confidence() >= point.confidence())
                        .toList();
                double right = accepted.stream().filter(GradedAnswer::right).count();
                assertThat(point.coverage()).isEqualTo((double) accepted.size() / n, within(1e-12));
                assertThat(point.accuracy()).isEqualTo(right / accepted.size(), within(1e-12));
                assertThat(point.accuracy()).isBetween(point.lower() - 1e-12, point.upper() + 1e-12);
                sum += 1 - point.accuracy();
            }
            assertThat(curve.aurc()).isEqualTo(sum / n, within(1e-12));
        }
    }

    @Test
    void shouldLieBetweenTheBestOrderAndTheWorst() {
        Random random = new Random(4);
        List<GradedAnswer> answers = new ArrayList<>(calibrated(60, random));
        AccuracyCoverage curve = AccuracyCoverage.of(answers);
        assertThat(curve.aurc()).isBetween(curve.bestAurc(), curve.randomAurc());
        assertThat(curve.randomAurc())
                .isEqualTo(answers.stream().filter(each -> !each.right()).count() / 60.0, within(1e-12));

        AccuracyCoverage oracle = AccuracyCoverage.of(ordered(answers, true));
        assertThat(oracle.aurc()).isEqualTo(curve.bestAurc(), within(1e-12));
        assertThat(AccuracyCoverage.of(ordered(answers, false)).aurc()).isGreaterThan(curve.randomAurc());

        double mean = 0;
        for (int round = 0; round < 400; round++) {
            Collections.shuffle(answers, random);
            mean += AccuracyCoverage.of(tied(answers)).aurc() / 400;
        }
        assertThat(mean).isEqualTo(curve.randomAurc(), within(0.01));
    }

    @Test
    void shouldNotDependOnTheOrderButForTies() {
        Random random = new Random(5);
        List<GradedAnswer> answers = new ArrayList<>(calibrated(50, random));
        AccuracyCoverage before = AccuracyCoverage.of(answers);
        Collections.shuffle(answers, random);
        assertThat(AccuracyCoverage.of(answers).aurc()).isEqualTo(before.aurc());

        GradedAnswer right = new GradedAnswer(0.7, true);
        GradedAnswer wrong = new GradedAnswer(0.7, false);
        assertThat(AccuracyCoverage.of(List.of(right, wrong)).aurc()).isEqualTo(0.25);
        assertThat(AccuracyCoverage.of(List.of(wrong, right)).aurc()).isEqualTo(0.75);
    }

    /** Right with probability .8 at each confidence: the band misses that at 5% of the points at most. */
    @Test
    void shouldHaveABandThatHolds() {
        Random random = new Random(6);
        int missed = 0;
        for (int round = 0; round < 400; round++) {
            List<GradedAnswer> answers = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                answers.add(new GradedAnswer(random.nextDouble(), random.nextDouble() < 0.8));
            }
            AccuracyCoverage.Point half = AccuracyCoverage.of(answers).points(2).get(0);
            missed += half.lower() > 0.8 || half.upper() < 0.8 ? 1 : 0;
        }
        assertThat(missed).isBetween(1, 20);
    }

    @Test
    void shouldTakeTheTopProbabilityOfAnAnswer() {
        LabelledProbabilities one = new LabelledProbabilities(new double[] {0.2, 0.7, 0.1}, 1);
        assertThat(GradedAnswer.of(one)).isEqualTo(new GradedAnswer(0.7, true));
        assertThat(GradedAnswer.of(new LabelledProbabilities(new double[] {0.5, 0.5}, 1)))
                .isEqualTo(new GradedAnswer(0.5, false));
    }

    @Test
    void shouldNameWhatItDoesNotAccept() {
        assertThatThrownBy(() -> AccuracyCoverage.of(List.of()))
                .hasMessage("a curve needs at least one labelled answer, got none");
        assertThatThrownBy(() -> new GradedAnswer(Double.NaN, true)).hasMessage("confidence must be 0 to 1, got NaN");
    }

    /** Answers that are right as often as they are sure. */
    static List<GradedAnswer> calibrated(int n, Random random) {
        List<GradedAnswer> answers = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            double confidence = 0.3 + 0.7 * random.nextDouble();
            answers.add(new GradedAnswer(confidence, random.nextDouble() < confidence));
        }
        return answers;
    }

    /** The same answers with confidences that put the right ones first, or last. */
    private static List<GradedAnswer> ordered(List<GradedAnswer> answers, boolean rightFirst) {
        List<GradedAnswer> sorted = answers.stream()
                .sorted(Comparator.comparing(each -> each.right() != rightFirst))
                .toList();
        List<GradedAnswer> ordered = new ArrayList<>();
        for (int i = 0; i < sorted.size(); i++) {
            ordered.add(new GradedAnswer(1 - i / 100.0, sorted.get(i).right()));
        }
        return ordered;
    }

    private static List<GradedAnswer> tied(List<GradedAnswer> answers) {
        return answers.stream().map(each -> new GradedAnswer(0.5, each.right())).toList();
    }
}
