package io.calibrant.fitter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MetricSumsTest {
    /** One unit of the fixed point, as half of it is lost at most. */
    private static final double ROUNDING = 0x1p-33;

    @Test
    void shouldGiveTheFiguresOfMetrics() {
        List<LabelledProbabilities> questions = questions(997);
        MetricSums sums = MetricSums.NONE;
        for (LabelledProbabilities question : questions) {
            sums = sums.plus(MetricSums.of(question));
        }
        assertThat(sums.n()).isEqualTo(997);
        for (int bins : new int[] {10, 15}) {
            Metrics twin = Metrics.of(questions, bins);
            assertThat(sums.accuracy()).isEqualTo(twin.accuracy());
            assertThat(sums.nll()).isCloseTo(twin.nll(), within(ROUNDING));
            assertThat(sums.brier()).isCloseTo(twin.brier(), within(ROUNDING));
            assertThat(sums.reliability(bins).calibrationError()).isCloseTo(twin.ece(), within(ROUNDING));
            List<Reliability.Bin> table = Reliability.of(questions, bins).bins();
            for (int bin = 0; bin < bins; bin++) {
                Reliability.Bin found = sums.reliability(bins).bins().get(bin);
                assertThat(found.lower()).isEqualTo(table.get(bin).lower());
                assertThat(found.upper()).isEqualTo(table.get(bin).upper());
                assertThat(found.count()).isEqualTo(table.get(bin).count());
                assertThat(found.accuracy()).isEqualTo(table.get(bin).accuracy());
                assertThat(found.confidence()).isCloseTo(table.get(bin).confidence(), within(ROUNDING));
            }
        }
    }

    @Test
    void shouldEndAtTheSameBitsWhateverCameAndWentInWhichOrder() {
        List<LabelledProbabilities> questions = questions(101);
        MetricSums expected = MetricSums.NONE;
        for (LabelledProbabilities question : questions) {
            expected = expected.plus(MetricSums.of(question));
        }
        List<LabelledProbabilities> passing = questions(503);
        for (long seed = 0; seed < 5; seed++) {
            Collections.shuffle(questions, new Random(seed));
            MetricSums sums = MetricSums.NONE;
            for (int i = 0; i < passing.size(); i++) {
                sums = sums.plus(MetricSums.of(passing.get(i)));
                if (i < questions.size()) {
                    sums = sums.plus(MetricSums.of(questions.get(i)));
                }
            }
            Collections.shuffle(passing, new Random(seed));
            for (LabelledProbabilities question : passing) {
                sums = sums.minus(MetricSums.of(question));
            }
            assertThat(sums).isEqualTo(expected).hasSameHashCodeAs(expected);
            assertThat(sums.toLongs()).isEqualTo(expected.toLongs());
        }
    }

    @Test
    void shouldStayFiniteWhereTheTrueClassHasNoProbability() {
        MetricSums sums = MetricSums.of(new LabelledProbabilities(new double[] {1, 0}, 1));
        assertThat(sums.nll()).isCloseTo(-Math.log(Double.MIN_VALUE), within(ROUNDING));
        assertThat(sums.brier()).isEqualTo(2);
    }

    @Test
    void shouldBeZeroWithoutQuestions() {
        assertThat(MetricSums.NONE.n()).isZero();
        assertThat(MetricSums.NONE.nll()).isZero();
        assertThat(MetricSums.NONE.accuracy()).isZero();
        assertThat(MetricSums.NONE.reliability(15).calibrationError()).isZero();
    }

    @Test
    void shouldComeBackFromWhatIsWrittenDown() {
        MetricSums sums = MetricSums.of(new LabelledProbabilities(new double[] {0.3, 0.7}, 1));
        long[] written = sums.toLongs();
        MetricSums read = MetricSums.ofLongs(written);
        written[0] = 17;
        assertThat(read).isEqualTo(sums);
        assertThatThrownBy(() -> MetricSums.ofLongs(new long[3])).hasMessageContaining("found 3");
        assertThatThrownBy(() -> sums.reliability(12)).hasMessageContaining("12");
    }

    /** Random ones, the edges of bins and certainty among them. */
    private static List<LabelledProbabilities> questions(int n) {
        Random random = new Random(n);
        List<LabelledProbabilities> questions = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            double p = switch (i % 5) {
                case 0 -> random.nextInt(16) / 15.0;
                case 1 -> random.nextInt(11) / 10.0;
                case 2 -> 1;
                default -> random.nextDouble();
            };
            questions.add(new LabelledProbabilities(new double[] {p, 1 - p, 0}, random.nextInt(3)));
        }
        return questions;
    }
}
