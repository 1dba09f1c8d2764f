package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.LabelledLogits;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CalibratorTest {
    private static final int POINTS = 64;
    private static final LabelFree KNOWN = new LabelFree(0.02, 9.0);
    private final Calibrator calibrator = new Calibrator(POINTS);

    @Test
    void shouldNotDependOnTheOrderOfTheAnswers() {
        List<LabelledContrasts> answers = new ArrayList<>(Answers.drawn(61, 1.5, 0.5, 3));
        CalibrationResult calibrated = calibrator.calibrate(answers, KNOWN);
        for (long seed = 0; seed < 3; seed++) {
            Collections.shuffle(answers, new Random(seed));
            assertThat(new Calibrator(POINTS).calibrate(answers, KNOWN)).isEqualTo(calibrated);
        }
    }

    @Test
    void shouldAverageWhatNeedsNoLabelWhereThereIsNone() {
        CalibrationResult both = calibrator.calibrate(List.of(), KNOWN);
        assertThat(both.labels()).isZero();
        assertThat(both.temperature()).isEqualTo(1);
        assertThat(both.all())
                .containsExactly(
                        new Member(Member.SCALED, 1, 0.02, null, 0.5, null),
                        new Member(Member.NOISE, 1, 0.02, 9.0, 0.5, null));
        assertThat(both.forward()).containsExactly(new Member(Member.NOISE, 1, 0.02, 9.0, 1, null));
        assertThat(both.map()).isEmpty();

        CalibrationResult scaledOnly = calibrator.calibrate(List.of(), new LabelFree(0.02, null));
        assertThat(scaledOnly.all()).containsExactly(new Member(Member.SCALED, 1, 0.02, null, 1, null));
        assertThat(scaledOnly.forward()).isEmpty();

        // Statistics that count no tokens: MAP serves.
        assertThat(calibrator.calibrate(List.of(), new LabelFree(null, 9.0)).all())
                .isEmpty();
    }

    @Test
    void shouldWeighEveryMemberFromTheFirstLabelOn() {
        for (int n : new int[] {1, 2, 9, 10, 31}) {
            CalibrationResult calibrated = calibrator.calibrate(Answers.drawn(n, 1, 1, 5), KNOWN);
            assertThat(calibrated.labels()).isEqualTo(n);
            assertThat(calibrated.all())
                    .extracting(Member::name)
                    .containsExactly(Member.SCALED, Member.NOISE, Member.TEMPERATURE, Member.TEMPERATURE_VARIANCE);
            assertThat(calibrated.forward())
                    .extracting(Member::name)
                    .containsExactly(Member.NOISE, Member.TEMPERATURE, Member.TEMPERATURE_NOISE);
            assertThat(calibrated.map()).extracting(Member::name).containsExactly(Member.TEMPERATURE);
            for (List<Member> members : List.of(calibrated.all(), calibrated.forward(), calibrated.map())) {
                assertThat(members.stream().mapToDouble(Member::weight).sum()).isCloseTo(1, within(1e-12));
            }
        }
        // one label says next to nothing: no weight is far from the others
        assertThat(calibrator.calibrate(Answers.drawn(1, 1, 1, 5), KNOWN).all())
                .allSatisfy(member -> assertThat(member.weight()).isBetween(0.1, 0.5));
    }

    @Test
    void shouldGiveMembersThatAreTheSameTheSameWeight() {
        // Every question's covariance is that of independent logits of one variance: both members are one.
        List<LabelledContrasts> answers = new ArrayList<>();
        for (LabelledContrasts each : Answers.drawn(40, 1, 1, 8)) {
            int contrasts = each.mean().length;
            answers.add(new LabelledContrasts(
                    each.questionId(), each.mean(), LogitNoise.covariance(contrasts, 9), each.label()));
        }
        CalibrationResult calibrated = calibrator.calibrate(answers, KNOWN);
        assertThat(calibrated.all().get(0).weight())
                .isCloseTo(calibrated.all().get(1).weight(), within(1e-12));
        assertThat(LogitNoise.variance(answers.get(0).covariance())).isCloseTo(9, within(1e-12));
    }

    @Test
    void shouldGiveNoWeightThatMattersToWhatLosesToTheModelAsItWas() {
        // Labels of the model as it was, confident and right, and a noise that blurs it: both label-free members lose
        // to MAP, temperature stays beside it.
        List<LabelledContrasts> answers = new ArrayList<>();
        for (LabelledContrasts each : Answers.drawn(120, 1, 0, 4)) {
            int contrasts = each.mean().length;
            answers.add(new LabelledContrasts(
                    each.questionId(), each.mean(), LogitNoise.covariance(contrasts, 400), each.label()));
        }
        LabelFree blurring = new LabelFree(1.0, 400.0);
        CalibrationResult calibrated = calibrator.calibrate(answers, blurring);
        double map = 0;
        for (LabelledContrasts answer : answers) {
            map -= answer.logits().negativeLogLikelihood(1);
        }
        for (List<Member> members : List.of(calibrated.all(), calibrated.forward())) {
            for (Member member : members) {
                double lost = map - member.logLikelihood();
                if (lost > 5) {
                    assertThat(member.weight()).as(member.name()).isLessThan(0.02);
                }
            }
        }
        assertThat(map - calibrated.all().get(0).logLikelihood()).isGreaterThan(5);
        assertThat(map - calibrated.forward().get(0).logLikelihood()).isGreaterThan(5);
    }

    @Test
    void shouldServeTheModelAsItWasWithoutNoise() {
        Link link = new Link(LinkFunction.MC, POINTS, 0);
        LabelledContrasts answer = Answers.drawn(1, 1, 1, 5).get(0);
        List<Member> silent = List.of(new Member(Member.NOISE, 1, 0.02, 0.0, 1, null));
        assertThat(Mixture.of(silent, link, answer.mean(), answer.covariance()).probabilities())
                .containsExactly(Softmax.ofContrasts(answer.mean()), within(1e-12));
    }

    @Test
    void shouldAverageProbabilitiesAndExpectedEntropies() {
        Link link = new Link(LinkFunction.MC, POINTS, 0);
        LabelledContrasts answer = Answers.drawn(5, 1, 1, 6).get(3);
        Member tempered = new Member(Member.TEMPERATURE, 2, 0, null, 0.25, null);
        Member scaled = new Member(Member.SCALED, 1, 0.3, null, 0.75, null);
        double[] one =
                TemperatureScaling.probabilities(java.util.Arrays.copyOf(answer.mean(), answer.mean().length + 1), 2);
        var other = link.predict(answer.mean(), Answers.scaled(answer.covariance(), 0.3));
        Mixture both = Mixture.of(List.of(tempered, scaled), link, answer.mean(), answer.covariance());
        for (int c = 0; c < one.length; c++) {
            assertThat(both.probabilities()[c])
                    .isCloseTo(0.25 * one[c] + 0.75 * other.probabilities()[c], within(1e-14));
        }
        assertThat(both.entropy()).isEqualTo(Softmax.entropy(both.probabilities()));
        assertThat(both.expectedEntropy())
                .isCloseTo(
                        0.25 * Softmax.entropy(one) + 0.75 * (other.entropy() - other.mutualInformation()),
                        within(1e-14));
        assertThatThrownBy(() -> Mixture.of(List.of(), link, answer.mean(), answer.covariance()))
                .hasMessageContaining("no member has a weight");
        assertThatThrownBy(() -> new Member(Member.NOISE, 0, 1, null, 1, null))
                .hasMessage("temperature of member noise is 0.0");
    }

    @Test
    void shouldMeetItsNaiveTwin() {
        // Every fold fitted anew and from far away, on answers that were never in it.
        List<LabelledContrasts> answers = Answers.drawn(57, 1.3, 2, 4);
        CalibrationResult calibrated = calibrator.calibrate(answers, KNOWN);
        Link link = new Link(LinkFunction.MC, POINTS, 0);
        VarianceFit fit = new VarianceFit(VariancePrior.WEAK);
        int[] fold =
                Folds.of(answers.stream().map(LabelledContrasts::questionId).toList(), 10);
        double temperature = 0;
        double variance = 0;
        double scaled = 0;
        double noise = 0;
        double both = 0;
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
            temperature += Math.log(TemperatureScaling.probabilities(logits.logits(), t)[logits.label()]);
            SampledAnswer own = SampledAnswer.of(answers.get(i).sample(link), logits.label());
            SampledAnswer noisy = SampledAnswer.of(answers.get(i).sample(link, 9), logits.label());
            VarianceScaling at = fit.fit(Answers.sampled(others, link), -1, 1.6);
            variance -= own.negativeLogLikelihood(at.temperature(), at.scale());
            VarianceScaling with = fit.fit(
                    others.stream()
                            .map(other -> SampledAnswer.of(other.sample(link, 9), other.label()))
                            .toList(),
                    -1,
                    1.6);
            both -= noisy.negativeLogLikelihood(with.temperature(), with.scale());
            scaled -= own.negativeLogLikelihood(1, 0.02);
            noise -= noisy.negativeLogLikelihood(1, 0.02);
        }
        double[] all = {scaled, noise, temperature, variance};
        double[] forward = {noise, temperature, both};
        shouldBe(calibrated.all(), all);
        shouldBe(calibrated.forward(), forward);
        assertThat(calibrated.temperature())
                .isCloseTo(
                        TemperatureScaling.fit(
                                answers.stream().map(LabelledContrasts::logits).toList()),
                        within(1e-9));
    }

    private static void shouldBe(List<Member> members, double[] logLikelihoods) {
        double sum = 0;
        for (double each : logLikelihoods) {
            sum += Math.exp(each);
        }
        for (int k = 0; k < logLikelihoods.length; k++) {
            Member member = members.get(k);
            assertThat(member.logLikelihood()).as(member.name()).isCloseTo(logLikelihoods[k], within(5e-6));
            assertThat(member.weight()).as(member.name()).isCloseTo(Math.exp(logLikelihoods[k]) / sum, within(5e-6));
        }
    }

    @Test
    void shouldTurnToTheVarianceWhereLabelsFollowIt() {
        // Variances that differ by orders of magnitude from question to question: no single temperature can do it.
        assertThat(calibrator
                        .calibrate(Answers.drawn(300, 1, 1, 5))
                        .all()
                        .get(1)
                        .weight())
                .isGreaterThan(0.9);
        assertThat(calibrator
                        .calibrate(Answers.drawn(300, 1.5, 0, 5))
                        .all()
                        .get(0)
                        .weight())
                .isGreaterThan(0.5);
    }

    @Test
    void shouldCalibrateByTemperatureAloneWhereThereIsNoCovariance() {
        List<LabelledContrasts> answers = Answers.drawn(30, 2, 0, 5);
        CalibrationResult means = calibrator.calibrateMeans(answers);
        assertThat(means.temperature()).isEqualTo(calibrator.calibrate(answers).temperature());
        assertThat(means.all())
                .isEqualTo(means.forward())
                .isEqualTo(means.map())
                .hasSize(1);
        assertThat(means.all().get(0).weight()).isEqualTo(1);
        assertThat(calibrator.calibrateMeans(List.of()).all()).isEmpty();
    }

    @Test
    void shouldKeepWhatNeedsNoLabelWhereLabelsHaveNoCovariance() {
        for (int n : new int[] {1, 30}) {
            List<LabelledContrasts> answers = Answers.drawn(n, 2, 0, 5);
            CalibrationResult means = calibrator.calibrateMeans(answers, KNOWN);
            CalibrationResult whole = calibrator.calibrate(answers, KNOWN);
            assertThat(means.all())
                    .isEqualTo(PseudoBma.weighted(whole.all().subList(1, 3)))
                    .extracting(Member::name)
                    .containsExactly(Member.NOISE, Member.TEMPERATURE);
            assertThat(means.forward()).isEqualTo(whole.forward());
            assertThat(means.map()).isEqualTo(whole.map());
            assertThat(means.crossFitted().all()).hasSize(n);
            assertThat(means.crossFitted().forward())
                    .usingRecursiveComparison()
                    .isEqualTo(whole.crossFitted().forward());
        }
        List<LabelledContrasts> answers = Answers.drawn(30, 2, 0, 5);
        assertThat(calibrator.calibrateMeans(answers, new LabelFree(0.02, null)).all())
                .as("without v there is no noise that the labels could weigh")
                .extracting(Member::name)
                .containsExactly(Member.TEMPERATURE);
    }

    @Test
    void shouldReadTheNoiseOffTheCovariance() {
        Random random = new Random(3);
        double[][] contrasts = Answers.covariance(3, random);
        // the same from the four logits, the last of which is certain
        double trace = 0;
        double sum = 0;
        for (int i = 0; i < 3; i++) {
            trace += contrasts[i][i];
            for (int j = 0; j < 3; j++) {
                sum += contrasts[i][j];
            }
        }
        assertThat(LogitNoise.variance(contrasts)).isCloseTo((trace - sum / 4) / 3, within(1e-12));
        // another class as the reference: y' = B y
        double[][] b = {{1, -1, 0}, {0, -1, 1}, {0, -1, 0}};
        double[][] other = new double[3][3];
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                for (int k = 0; k < 3; k++) {
                    for (int l = 0; l < 3; l++) {
                        other[i][j] += b[i][k] * contrasts[k][l] * b[j][l];
                    }
                }
            }
        }
        assertThat(LogitNoise.variance(other)).isCloseTo(LogitNoise.variance(contrasts), within(1e-9));
        assertThat(LogitNoise.median(new double[19])).isEmpty();
        double[] twenty = random.doubles(20).toArray();
        double[] sorted = twenty.clone();
        java.util.Arrays.sort(sorted);
        assertThat(LogitNoise.median(twenty)).hasValue((sorted[9] + sorted[10]) / 2);
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
}
