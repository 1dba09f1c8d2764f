package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.GradedAnswer;
import io.calibrant.fitter.selective.SelectiveCounts;
import io.calibrant.fitter.selective.TargetAccuracy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CrossFittedTest {
    private static final int CLASSES = 4;
    private static final LabelFree LABEL_FREE = new LabelFree(0.1, 4.0);
    private static final Link LINK = new Link(LinkFunction.MC, Calibrator.POINTS, 0);

    private final Calibrator calibrator = new Calibrator();

    /** The naive twin: a calibration of the other parts, on its own. */
    @Test
    void shouldServeEachAnswerByWhatTheOtherPartsCalibrate() {
        List<LabelledContrasts> answers = draw(60, new Random(4));
        CalibrationResult result = calibrator.calibrate(answers, LABEL_FREE);
        int[] fold = Folds.of(ids(answers), Calibrator.FOLDS);
        for (int part : new int[] {0, 7}) {
            List<LabelledContrasts> others = IntStream.range(0, fold.length)
                    .filter(i -> fold[i] != part)
                    .mapToObj(answers::get)
                    .toList();
            CalibrationResult without = calibrator.calibrate(others, LABEL_FREE);
            for (int i = 0; i < fold.length; i++) {
                if (fold[i] == part) {
                    near(result.crossFitted().all().get(i), served(without.all(), answers.get(i)), 0.02);
                    near(result.crossFitted().forward().get(i), served(without.forward(), answers.get(i)), 0.02);
                    near(result.crossFitted().map().get(i), served(without.map(), answers.get(i)), 1e-6);
                }
            }
        }
    }

    @Test
    void shouldNotSeeTheLabelOfItsOwnAnswer() {
        List<LabelledContrasts> answers = new ArrayList<>(draw(40, new Random(5)));
        CrossFitted before = calibrator.calibrate(answers, LABEL_FREE).crossFitted();
        LabelledContrasts one = answers.get(11);
        answers.set(
                11, new LabelledContrasts(one.questionId(), one.mean(), one.covariance(), (one.label() + 1) % CLASSES));
        CrossFitted after = calibrator.calibrate(answers, LABEL_FREE).crossFitted();
        assertThat(after.map().get(11).probabilities())
                .isEqualTo(before.map().get(11).probabilities());
        assertThat(after.all().get(11).label())
                .isNotEqualTo(before.all().get(11).label());
        long moved = IntStream.range(0, 40)
                .filter(i -> !Arrays.equals(
                        after.map().get(i).probabilities(), before.map().get(i).probabilities()))
                .count();
        assertThat(moved).as("answers of the other parts").isEqualTo(36);
    }

    @Test
    void shouldKnowNothingWithoutLabelsAndTemperatureAloneWithoutCovariances() {
        assertThat(calibrator.calibrate(List.of(), LABEL_FREE).crossFitted()).isEqualTo(CrossFitted.NONE);
        List<LabelledContrasts> answers = draw(20, new Random(6));
        CrossFitted means = calibrator.calibrateMeans(answers).crossFitted();
        assertThat(means.all()).hasSize(20);
        for (int i = 0; i < 20; i++) {
            assertThat(means.all().get(i).probabilities())
                    .isEqualTo(means.map().get(i).probabilities());
        }
        assertThat(calibrator
                        .calibrate(answers.subList(0, 1), LABEL_FREE)
                        .crossFitted()
                        .all())
                .hasSize(1);
    }

    /**
     * The labels tune the temperature and give the threshold: of 300 posteriors one in twenty may break its promise.
     */
    @Test
    void shouldKeepTheGuaranteeOfThresholdsOnTheLabelsThatTuned() {
        Random random = new Random(7);
        List<LabelledContrasts> population = draw(2000, random);
        double[] right = population.stream()
                .mapToDouble(answer -> Arrays.stream(truth(answer)).max().orElseThrow())
                .toArray();
        TargetAccuracy target = new TargetAccuracy(0.75, 0.95);
        int broken = 0;
        int given = 0;
        for (int round = 0; round < 300; round++) {
            CalibrationResult result = calibrator.calibrateMeans(draw(80, random));
            Acceptance found = SelectiveCounts.of(result.crossFitted().map().stream()
                            .map(GradedAnswer::of)
                            .toList())
                    .acceptance(target);
            if (found.verdict() == Acceptance.Verdict.GUARANTEED) {
                double sum = 0;
                int accepted = 0;
                for (int i = 0; i < right.length; i++) {
                    if (found.accepts(top(served(result.map(), population.get(i))))) {
                        sum += right[i];
                        accepted++;
                    }
                }
                given++;
                broken += accepted > 0 && sum / accepted < target.accuracy() ? 1 : 0;
            }
        }
        assertThat(given).isGreaterThan(100);
        assertThat(broken).isLessThanOrEqualTo(15);
    }

    private static List<String> ids(List<LabelledContrasts> answers) {
        return answers.stream().map(LabelledContrasts::questionId).toList();
    }

    private static double[] served(List<Member> members, LabelledContrasts answer) {
        return Mixture.of(members, LINK, answer.mean(), answer.covariance()).probabilities();
    }

    private static double top(double[] probabilities) {
        return Arrays.stream(probabilities).max().orElseThrow();
    }

    private static void near(LabelledProbabilities one, double[] expected, double tolerance) {
        for (int c = 0; c < expected.length; c++) {
            assertThat(one.probabilities()[c]).isEqualTo(expected[c], within(tolerance));
        }
    }

    /** The model is too sure: true probabilities are those at a temperature of 1.5. */
    private static double[] truth(LabelledContrasts answer) {
        return Softmax.ofContrasts(
                Arrays.stream(answer.mean()).map(z -> z / 1.5).toArray());
    }

    private static List<LabelledContrasts> draw(int n, Random random) {
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            double[] mean = random.doubles(CLASSES - 1, -9, 9).toArray();
            double[][] covariance = new double[CLASSES - 1][CLASSES - 1];
            for (int c = 0; c < covariance.length; c++) {
                covariance[c][c] = 1 + 4 * random.nextDouble();
            }
            LabelledContrasts asked = new LabelledContrasts(String.format("q%05d", i), mean, covariance, 0);
            double u = random.nextDouble();
            double[] truth = truth(asked);
            int label = 0;
            while (label < CLASSES - 1 && u >= truth[label]) {
                u -= truth[label++];
            }
            answers.add(new LabelledContrasts(asked.questionId(), mean, covariance, label));
        }
        return answers;
    }
}
