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

class TemperatureScalingTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 7, 200})
    void shouldMeetAFineGridOfTheObjective(int n) {
        List<LabelledLogits> questions = MetricsTest.logits(n, new Random(n));

        double temperature = TemperatureScaling.fit(questions);

        double best = Double.POSITIVE_INFINITY;
        double at = 0;
        for (double log = -4; log <= 4; log += 1e-4) {
            double value = log * log / (2 * 0.5 * 0.5);
            for (LabelledLogits question : questions) {
                value -= Math.log(TemperatureScaling.probabilities(question.logits(), Math.exp(log))[question.label()]);
            }
            if (value < best) {
                best = value;
                at = log;
            }
        }
        assertThat(Math.log(temperature)).isEqualTo(at, within(1.01e-4));
    }

    @Test
    void shouldFindTheTemperatureThatMadeTheLabels() {
        Random random = new Random(3);
        List<LabelledLogits> questions = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            double[] z = random.doubles(4, -6, 6).toArray();
            double[] p = TemperatureScaling.probabilities(z, 2.5);
            double u = random.nextDouble();
            int label = 0;
            while (label < 3 && u > p[label]) {
                u -= p[label++];
            }
            questions.add(new LabelledLogits(z, label));
        }
        assertThat(TemperatureScaling.fit(questions)).isEqualTo(2.5, within(0.1));
    }

    @Test
    void shouldStayNearOneWhereLabelsAreFew() {
        assertThat(TemperatureScaling.fit(List.of())).isEqualTo(1);
        List<LabelledLogits> one = List.of(new LabelledLogits(new double[] {5, 0}, 0));
        assertThat(TemperatureScaling.fit(one)).isBetween(0.8, 1.0);
        // Without the prior one right answer drives T to the end of its range.
        assertThat(TemperatureScaling.fit(one, Double.POSITIVE_INFINITY)).isLessThan(0.01);
    }

    @Test
    void shouldLetNoQuestionSeeItsOwnLabelWhenCrossFitting() {
        List<LabelledLogits> questions = MetricsTest.logits(53, new Random(11));
        List<LabelledProbabilities> fitted = TemperatureScaling.crossFitted(questions, 10, 4);

        for (int i = 0; i < questions.size(); i += 13) {
            LabelledLogits question = questions.get(i);
            List<LabelledLogits> other = new ArrayList<>(questions);
            other.set(i, new LabelledLogits(question.logits(), (question.label() + 1) % question.logits().length));

            double[] changed =
                    TemperatureScaling.crossFitted(other, 10, 4).get(i).probabilities();

            assertThat(changed).isEqualTo(fitted.get(i).probabilities());
        }
        assertThat(fitted)
                .extracting(LabelledProbabilities::label)
                .isEqualTo(questions.stream().map(LabelledLogits::label).toList());
    }

    @Test
    void shouldCrossFitFewQuestionsAndNone() {
        assertThat(TemperatureScaling.crossFitted(List.of(), 10, 0)).isEmpty();
        LabelledLogits question = new LabelledLogits(new double[] {2, 0}, 0);
        assertThat(TemperatureScaling.crossFitted(List.of(question), 10, 0)
                        .get(0)
                        .probabilities())
                .isEqualTo(question.at(1).probabilities());
        assertThatThrownBy(() -> TemperatureScaling.crossFitted(List.of(), 1, 0))
                .hasMessageContaining("found 1");
        assertThatThrownBy(() -> TemperatureScaling.fit(List.of(), 0)).hasMessageContaining("not positive");
    }
}
