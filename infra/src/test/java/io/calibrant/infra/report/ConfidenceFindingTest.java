package io.calibrant.infra.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.Reliability;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ConfidenceFindingTest {
    /** Pairs of a confidence and a share of right answers, 100 questions each. */
    private static Reliability of(double... pairs) {
        List<LabelledProbabilities> questions = new ArrayList<>();
        for (int i = 0; i < pairs.length; i += 2) {
            for (int k = 0; k < 100; k++) {
                double p = pairs[i];
                questions.add(new LabelledProbabilities(
                        new double[] {p, 1 - p}, k < Math.round(100 * pairs[i + 1]) ? 0 : 1));
            }
        }
        return Reliability.of(questions, 15);
    }

    private static String words(Reliability reliability) {
        return ConfidenceFinding.words(ConfidenceFinding.of(reliability), 300);
    }

    @Test
    void shouldNameTheRangeInWhichItIsOff() {
        assertThat(words(of(.55, .55, .7, .7, .9, .7))).isEqualTo("over-confident by .20 above 87%");
        assertThat(words(of(.55, .85, .7, .7, .9, .9))).isEqualTo("under-confident by .30 below 60%");
        assertThat(words(of(.55, .3, .7, .5, .9, .7))).isEqualTo("over-confident by .22");
        assertThat(words(of(.55, .85, .7, .7, .95, .7)))
                .isEqualTo("over-confident by .25 above 93%, under-confident by .30 below 60%");
    }

    /** Of very many questions a gap is certain that two digits do not show. */
    @Test
    void shouldNeverSayThatItIsOffByNothing() {
        List<LabelledProbabilities> questions = new ArrayList<>();
        for (int i = 0; i < 100_000; i++) {
            questions.add(new LabelledProbabilities(new double[] {.9, .1}, i < 89_600 ? 0 : 1));
        }
        assertThat(words(Reliability.of(questions, 15))).isEqualTo("over-confident by .004");
        assertThat(ConfidenceFinding.digits(.0004)).isEqualTo(".0004");
        assertThat(ConfidenceFinding.digits(0)).isEqualTo(".00");
        assertThat(ConfidenceFinding.digits(.996)).isEqualTo("1.00");
    }

    @Test
    void shouldFindNothingInWhatIsCalibratedOrTooFew() {
        assertThat(words(of(.55, .55, .7, .7, .9, .9))).isEqualTo("off by no more than chance in 300 questions");
        List<LabelledProbabilities> few = List.of(
                new LabelledProbabilities(new double[] {.9, .1}, 1),
                new LabelledProbabilities(new double[] {.8, .2}, 1));
        assertThat(ConfidenceFinding.of(Reliability.of(few, 15))).isEmpty();
    }

    /** At most one in 20 of what is calibrated may be called off, whatever its confidences are. */
    @Test
    void shouldSeldomAccuseWhatIsCalibrated() {
        Random random = new Random(11);
        int accused = 0;
        for (int draw = 0; draw < 200; draw++) {
            List<LabelledProbabilities> questions = new ArrayList<>();
            for (int i = 0; i < 150; i++) {
                double p = .5 + random.nextDouble() / 2;
                questions.add(new LabelledProbabilities(new double[] {p, 1 - p}, random.nextDouble() < p ? 0 : 1));
            }
            accused += ConfidenceFinding.of(Reliability.of(questions, 15)).isEmpty() ? 0 : 1;
        }
        assertThat(accused).isLessThanOrEqualTo(10);
    }
}
