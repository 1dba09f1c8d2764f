package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VarianceFitTest {
    private static final Link LINK = new Link(LinkFunction.MC, 127, 0);

    @Test
    void shouldMeetTheLinkAtTheSamePoints() {
        // The naive twin: the covariance scaled and factored anew, the softmax of all classes averaged by the link.
        Random random = new Random(5);
        for (int classes : new int[] {3, 4, 7, 26}) {
            double[] mean = random.doubles(classes - 1, -8, 8).toArray();
            double[][] covariance = Answers.covariance(classes - 1, random);
            for (double[] at : new double[][] {{1, 1}, {0.3, 0.01}, {2.5, 7}, {1, 0}}) {
                double[] p = LINK.predict(Answers.scaled(mean, 1 / at[0]), Answers.scaled(covariance, at[1]))
                        .probabilities();
                for (int label = 0; label < classes; label++) {
                    SampledAnswer answer = SampledAnswer.of(LINK.sample(mean, covariance), label);
                    assertThat(answer.negativeLogLikelihood(at[0], at[1])).isCloseTo(-Math.log(p[label]), within(1e-9));
                }
            }
        }
    }

    @Test
    void shouldMeetTheExactRuleForTwoClasses() {
        Link many = new Link(LinkFunction.MC, 4096, 0);
        for (double variance : new double[] {0.01, 1, 30}) {
            double[] p = many.predict(new double[] {1.5 / 2}, new double[][] {{variance / 3}})
                    .probabilities();
            SampledAnswer answer = SampledAnswer.of(many.sample(new double[] {1.5}, new double[][] {{variance}}), 1);
            assertThat(answer.negativeLogLikelihood(2, 1.0 / 3)).isCloseTo(-Math.log(p[1]), within(1e-4));
        }
    }

    @Test
    void shouldHaveTheSlopesThatItsValueHas() {
        List<SampledAnswer> answers = Answers.sampled(Answers.drawn(23, 1.4, 0.3, 1), LINK);
        VarianceFit fit = new VarianceFit(VariancePrior.WEAK);
        double h = 1e-5;
        for (double[] at : new double[][] {{0, 0}, {0.7, -3}, {-1, 1.5}}) {
            double a = at[0];
            double b = at[1];
            Slopes s = fit.slopes(answers, a, b);
            assertThat(s.value).isCloseTo(fit.value(answers, a, b, 127), within(1e-10));
            assertThat(s.a)
                    .isCloseTo(
                            (fit.value(answers, a + h, b, 127) - fit.value(answers, a - h, b, 127)) / (2 * h),
                            within(1e-5));
            assertThat(s.b)
                    .isCloseTo(
                            (fit.value(answers, a, b + h, 127) - fit.value(answers, a, b - h, 127)) / (2 * h),
                            within(1e-5));
            Slopes right = fit.slopes(answers, a + h, b);
            Slopes left = fit.slopes(answers, a - h, b);
            Slopes up = fit.slopes(answers, a, b + h);
            Slopes down = fit.slopes(answers, a, b - h);
            assertThat(s.aa).isCloseTo((right.a - left.a) / (2 * h), within(1e-5));
            assertThat(s.ab).isCloseTo((right.b - left.b) / (2 * h), within(1e-5));
            assertThat(s.ab).isCloseTo((up.a - down.a) / (2 * h), within(1e-5));
            assertThat(s.bb).isCloseTo((up.b - down.b) / (2 * h), within(1e-5));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 40, 200})
    void shouldFindTheSameMinimumFromThreeStartsAndTheGrid(int n) {
        List<SampledAnswer> answers = Answers.sampled(Answers.drawn(n, 1.7, 0.2, n), LINK);
        VarianceFit fit = new VarianceFit(VariancePrior.WEAK);
        VarianceScaling found = fit.fit(answers);

        for (double[] start : new double[][] {{-2, 1}, {0, -12}, {2, 8}}) {
            VarianceScaling other = fit.fit(answers, start[0], start[1]);
            assertThat(other.temperature()).isCloseTo(found.temperature(), within(1e-6 * found.temperature()));
            assertThat(other.scale()).isCloseTo(found.scale(), within(1e-6 * found.scale()));
        }
        Slopes there = fit.slopes(answers, Math.log(found.temperature()), Math.log(found.scale()));
        assertThat(Math.hypot(there.a, there.b)).isLessThan(1e-6);
        // The best of a grid around it, by its value alone.
        double least = Double.POSITIVE_INFINITY;
        for (double a = -3; a <= 3; a += 0.1) {
            for (double b = -14; b <= 6; b += 0.4) {
                least = Math.min(least, fit.value(answers, a, b, 127));
            }
        }
        assertThat(there.value).isLessThanOrEqualTo(least);
    }

    @ParameterizedTest
    @ValueSource(longs = {42, 46, 84})
    void shouldFindTheLeastOfSeveralValleys(long seed) {
        // Few labels of large variances: one valley is a large T and a small c, a far deeper one a large c.
        Random random = new Random(seed);
        int n = 1 + random.nextInt(12);
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            double[] mean = new double[1 + random.nextInt(3)];
            double size = Math.exp(2.5 * random.nextGaussian());
            for (int c = 0; c < mean.length; c++) {
                mean[c] = size * random.nextGaussian();
            }
            double[][] covariance =
                    Answers.scaled(Answers.covariance(mean.length, random), Math.exp(3 * random.nextGaussian()));
            answers.add(new LabelledContrasts("q" + i, mean, covariance, random.nextInt(mean.length + 1)));
        }
        List<SampledAnswer> sampled = Answers.sampled(answers, LINK);
        VarianceFit fit = new VarianceFit(VariancePrior.WEAK);
        VarianceScaling found = fit.fit(sampled);
        double least = Double.POSITIVE_INFINITY;
        for (double a = -4; a <= 4; a += 0.2) {
            for (double b = -12; b <= 12; b += 0.5) {
                least = Math.min(least, fit.value(sampled, a, b, 127));
            }
        }
        assertThat(fit.value(sampled, Math.log(found.temperature()), Math.log(found.scale()), 127))
                .isLessThan(least + 0.1);
    }

    @Test
    void shouldLeaveOutEachPartAsIfItHadNeverBeenThere() {
        List<SampledAnswer> answers = Answers.sampled(Answers.drawn(90, 0.8, 1.5, 6), LINK);
        VarianceFit fit = new VarianceFit(VariancePrior.WEAK);
        List<List<SampledAnswer>> parts =
                List.of(answers.subList(0, 7), answers.subList(7, 60), answers.subList(60, 90));

        List<VarianceScaling> found = fit.withoutEach(parts, fit.fit(answers));

        for (int p = 0; p < 3; p++) {
            List<SampledAnswer> others = new ArrayList<>(answers);
            others.removeAll(parts.get(p));
            VarianceScaling naive = fit.fit(others, 0, 0);
            assertThat(found.get(p).temperature()).isCloseTo(naive.temperature(), within(1e-6 * naive.temperature()));
            assertThat(found.get(p).scale()).isCloseTo(naive.scale(), within(1e-6 * naive.scale()));
        }
    }

    @Test
    void shouldFindTheScalarsThatMadeTheLabels() {
        List<LabelledContrasts> answers = Answers.drawn(4000, 2.2, 0.4, 8);

        VarianceScaling found = new VarianceFit(VariancePrior.WEAK).fit(Answers.sampled(answers, LINK));

        assertThat(found.temperature()).isCloseTo(2.2, within(0.2));
        assertThat(found.scale()).isCloseTo(0.4, within(0.15));
    }

    @Test
    void shouldHoldBothScalarsByThePriorsOfTheMethod() {
        VarianceFit fit = new VarianceFit(VariancePrior.WEAK);
        for (double[] at : new double[][] {{0.4, -1}, {-1.3, 2}, {0, Math.log(0.1)}}) {
            double expected = at[0] * at[0] / (2 * 0.5 * 0.5) + Math.pow(at[1] - Math.log(0.1), 2) / (2 * 3 * 3);
            assertThat(fit.value(List.of(), at[0], at[1], 127)).isCloseTo(expected, within(1e-12));
        }
    }

    @Test
    void shouldTakeContrastsInOrderToTheSameProbabilities() {
        // Another root of the same covariance: the same but for the error of the points, whatever its rank.
        Random random = new Random(2);
        Link many = new Link(LinkFunction.MC, 8192, 0);
        double[] mean = {1, -2, 0.5};
        for (double[][] covariance : List.of(
                Answers.covariance(3, random), new double[3][3], new double[][] {{4, 2, 2}, {2, 1, 1}, {2, 1, 1}})) {
            for (int label = 0; label < 4; label++) {
                double pivoted =
                        SampledAnswer.of(many.sample(mean, covariance), label).negativeLogLikelihood(1, 1);
                double inOrder = SampledAnswer.of(many.sampleInOrder(mean, covariance), label)
                        .negativeLogLikelihood(1, 1);
                assertThat(inOrder).isCloseTo(pivoted, within(2e-3));
            }
        }
    }

    @Test
    void shouldStayWithItsPriorsWithoutLabels() {
        VarianceScaling found = new VarianceFit(VariancePrior.WEAK).fit(List.of());
        assertThat(found.temperature()).isEqualTo(1);
        assertThat(found.scale()).isCloseTo(0.1, within(1e-15));
    }

    @Test
    void shouldLetASingleRightAnswerMoveItOnlyALittle() {
        // Without priors T runs away until all probability is on the right class.
        LabelledContrasts right =
                new LabelledContrasts("q", new double[] {4, 0, 1}, new double[][] {{9, 1, 0}, {1, 4, 0}, {0, 0, 6}}, 0);
        List<SampledAnswer> one = Answers.sampled(List.of(right), LINK);

        VarianceScaling weak = new VarianceFit(VariancePrior.WEAK).fit(one);
        VarianceScaling none = new VarianceFit(VariancePrior.NONE).fit(one);

        assertThat(weak.temperature()).isBetween(0.7, 1.0);
        assertThat(weak.scale()).isBetween(0.03, 0.3);
        assertThat(none.temperature()).isLessThan(weak.temperature() / 4);
    }

    @Test
    void shouldStayFiniteWhereAllProbabilityIsElsewhere() {
        LabelledContrasts wrong = new LabelledContrasts("q", new double[] {900, 3}, new double[2][2], 1);
        List<SampledAnswer> one = Answers.sampled(List.of(wrong), LINK);

        VarianceScaling found = new VarianceFit(VariancePrior.WEAK).fit(one);

        assertThat(one.get(0).negativeLogLikelihood(1, 1)).isFinite().isGreaterThan(500);
        assertThat(found.temperature()).isGreaterThan(2).isFinite();
        assertThat(found.scale()).isCloseTo(0.1, within(1e-6));
    }
}
