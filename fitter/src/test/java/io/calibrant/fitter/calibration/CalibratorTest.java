package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CalibratorTest {
    private static final int POINTS = 64;
    private final Calibrator calibrator = new Calibrator(POINTS);

    @Test
    void shouldNotDependOnTheOrderOfTheAnswers() {
        List<LabelledContrasts> answers = new ArrayList<>(Answers.drawn(61, 1.5, 0.5, 3));
        CalibrationResult calibrated = calibrator.calibrate(answers);
        for (long seed = 0; seed < 3; seed++) {
            Collections.shuffle(answers, new Random(seed));
            assertThat(new Calibrator(POINTS).calibrate(answers)).isEqualTo(calibrated);
        }
    }

    @Test
    void shouldLetTheEvidenceServeWithoutLabels() {
        CalibrationResult calibrated = calibrator.calibrate(List.of());
        assertThat(calibrated.serving()).isEqualTo(ServedCalibration.EVIDENCE);
        assertThat(calibrated.labels()).isZero();
        assertThat(calibrated.temperature()).isEqualTo(1);
        assertThat(calibrated.crossValidation()).isEmpty();
    }

    @Test
    void shouldServeTemperatureFromTheFirstLabelOn() {
        // Fewer labels than parts cross-validate nothing, even where the variance made the labels.
        for (int n : new int[] {1, 2, 9}) {
            CalibrationResult calibrated = calibrator.calibrate(Answers.drawn(n, 1, 1, 5));
            assertThat(calibrated.serving()).isEqualTo(ServedCalibration.TEMPERATURE);
            assertThat(calibrated.crossValidation()).isEmpty();
            assertThat(calibrated.labels()).isEqualTo(n);
        }
        assertThat(calibrator.calibrate(Answers.drawn(10, 1, 1, 5)).crossValidation())
                .isPresent();
    }

    @Test
    void shouldNeverChooseWhatIsWorseThanTheModelAsItWas() {
        Random random = new Random(11);
        for (int time = 0; time < 40; time++) {
            double temperature = Math.exp(random.nextGaussian());
            List<LabelledContrasts> answers =
                    Answers.drawn(1 + random.nextInt(30), temperature, Math.exp(2 * random.nextGaussian()), time);
            CalibrationResult calibrated = calibrator.calibrate(answers);
            double asItWas = 0;
            double served = 0;
            for (LabelledContrasts answer : answers) {
                asItWas += answer.logits().negativeLogLikelihood(1);
                served += calibrated.serving() == ServedCalibration.TEMPERATURE
                        ? answer.logits().negativeLogLikelihood(calibrated.temperature())
                        : SampledAnswer.of(answer.sample(new Link(LinkFunction.MC, POINTS, 0)), answer.label())
                                .negativeLogLikelihood(
                                        calibrated.variance().temperature(),
                                        calibrated.variance().scale());
            }
            assertThat(served).isLessThanOrEqualTo(asItWas + 1e-12);
        }
    }

    @Test
    void shouldNotTakeTheBetterOfTwoThatAreWorseThanTheModelAsItWas() {
        // Cross-validated, (T, c) beats temperature by more than a standard error here, and MAP beats both.
        Random random = new Random(132);
        int n = 10 + random.nextInt(6);
        double scale = Math.exp(1.5 * random.nextGaussian());
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            double[] mean = {scale * random.nextGaussian() * 3};
            double[][] covariance = {{Math.exp(2 * random.nextGaussian())}};
            double p = 1 / (1 + Math.exp(-mean[0]));
            answers.add(new LabelledContrasts("q" + i, mean, covariance, random.nextDouble() < p ? 0 : 1));
        }
        CalibrationResult calibrated = calibrator.calibrate(answers);
        CrossValidation figures = calibrated.crossValidation().orElseThrow();
        assertThat(figures.varianceHelps()).isTrue();
        assertThat(figures.varianceNll())
                .isGreaterThan(answers.stream()
                        .mapToDouble(answer -> answer.logits().negativeLogLikelihood(1))
                        .average()
                        .orElseThrow());
        assertThat(calibrated.serving()).isEqualTo(ServedCalibration.TEMPERATURE);
    }

    @Test
    void shouldMeetItsNaiveTwin() {
        // Every fold fitted anew and from far away, on answers that were never in it; NLL from the link's own
        // probabilities.
        List<LabelledContrasts> answers = Answers.drawn(57, 1.3, 2, 4);
        CalibrationResult calibrated = calibrator.calibrate(answers);
        Link link = new Link(LinkFunction.MC, POINTS, 0);
        VarianceFit fit = new VarianceFit(VariancePrior.WEAK);
        int[] fold =
                Folds.of(answers.stream().map(LabelledContrasts::questionId).toList(), 10);
        double[] temperature = new double[57];
        double[] variance = new double[57];
        for (int i = 0; i < 57; i++) {
            List<LabelledContrasts> others = new ArrayList<>();
            for (int j = 0; j < 57; j++) {
                if (fold[j] != fold[i]) {
                    others.add(answers.get(j));
                }
            }
            LabelledLogits logits = answers.get(i).logits();
            double t = TemperatureScaling.fit(
                    others.stream().map(LabelledContrasts::logits).toList());
            temperature[i] = -Math.log(TemperatureScaling.probabilities(logits.logits(), t)[logits.label()]);
            VarianceScaling both = fit.fit(Answers.sampled(others, link), -1, 1.6);
            variance[i] = SampledAnswer.of(answers.get(i).sample(link), logits.label())
                    .negativeLogLikelihood(both.temperature(), both.scale());
        }
        double meanT = mean(temperature);
        double meanV = mean(variance);
        double squares = 0;
        for (int i = 0; i < 57; i++) {
            squares += Math.pow(temperature[i] - variance[i] - meanT + meanV, 2);
        }

        CrossValidation found = calibrated.crossValidation().orElseThrow();
        assertThat(found.temperatureNll()).isCloseTo(meanT, within(1e-9));
        assertThat(found.varianceNll()).isCloseTo(meanV, within(1e-7));
        assertThat(found.standardError()).isCloseTo(Math.sqrt(squares / 56 / 57), within(1e-7));
        assertThat(calibrated.temperature())
                .isCloseTo(
                        TemperatureScaling.fit(
                                answers.stream().map(LabelledContrasts::logits).toList()),
                        within(1e-9));
    }

    @Test
    void shouldAdoptTheVarianceOnlyWhereItHelpsByMoreThanAStandardError() {
        assertThat(new CrossValidation(0.51, 0.50, 0.009).varianceHelps()).isTrue();
        assertThat(new CrossValidation(0.51, 0.50, 0.011).varianceHelps()).isFalse();
        assertThat(new CrossValidation(0.50, 0.51, 0.001).varianceHelps()).isFalse();
        assertThat(new CrossValidation(0.50, 0.50, 0).varianceHelps()).isFalse();
    }

    @Test
    void shouldServeTheVarianceWhereLabelsFollowIt() {
        // Variances that differ by orders of magnitude from question to question: no single temperature can do it.
        assertThat(calibrator.calibrate(Answers.drawn(300, 1, 1, 5)).serving())
                .isEqualTo(ServedCalibration.TEMPERATURE_VARIANCE);
        assertThat(calibrator.calibrate(Answers.drawn(300, 1.5, 0, 5)).serving())
                .isEqualTo(ServedCalibration.TEMPERATURE);
    }

    @Test
    void shouldNameTheAnswerItDoesNotAccept() {
        List<LabelledContrasts> twice = new ArrayList<>(Answers.drawn(3, 1, 1, 0));
        twice.add(twice.get(1));
        assertThatThrownBy(() -> calibrator.calibrate(twice))
                .hasMessage("question question-1: labelled answers must be 1, got 2 or more");
        assertThatThrownBy(() -> calibrator.calibrate(List.of(new LabelledContrasts(
                        "odd", new double[2], new double[][] {{1, 2}, {2, 1}}, 0))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("question odd")
                .hasMessageContaining("not positive semi-definite");
        assertThatThrownBy(() -> new LabelledContrasts("q", new double[2], new double[2][2], 3))
                .hasMessageContaining("question q: label 3 is not one of 3 classes, 0 to 2");
        assertThatThrownBy(() -> new LabelledContrasts("q", new double[] {Double.NaN}, new double[1][1], 0))
                .hasMessageContaining("NaN");
        assertThatThrownBy(() -> new LabelledContrasts("q", new double[2], new double[3][2], 0))
                .hasMessageContaining("3 rows");
        assertThatThrownBy(() -> new LabelledContrasts("q", new double[2], new double[2][1], 0))
                .hasMessageContaining("row 0");
    }

    private static double mean(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value / values.length;
        }
        return sum;
    }
}
