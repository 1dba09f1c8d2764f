package io.calibrant.fitter.monitoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AccuracyEstimateTest {
    private static final double Z = 1.959963984540054;

    /** @param right null without a label */
    private record Answered(double confidence, Boolean right) {}

    @Test
    void shouldEstimateWithoutLabelsByTheMeanConfidence() {
        AccuracySums sums = sums(List.of(new Answered(.9, null), new Answered(.6, null)));
        AccuracyEstimate estimate = AccuracyEstimate.withoutLabels(sums).orElseThrow();
        double deviation = Math.sqrt(.9 * .1 + .6 * .4) / 2;
        assertThat(estimate.value()).isCloseTo(.75, within(1e-9));
        assertThat(estimate.lower()).isCloseTo(.75 - Z * deviation, within(1e-9));
        assertThat(estimate.upper()).isEqualTo(1);
        assertThat(AccuracyEstimate.withoutLabels(AccuracySums.NONE)).isEmpty();
        assertThat(AccuracyEstimate.predictionPowered(sums)).isEmpty();
    }

    @Test
    void shouldHoldTheRealisedAccuracyWhereTheProbabilitiesAreRight() {
        Random random = new Random(1);
        int held = 0;
        for (int run = 0; run < 400; run++) {
            AccuracySums sums = AccuracySums.NONE;
            double right = 0;
            for (int i = 0; i < 200; i++) {
                double f = .25 + .75 * random.nextDouble();
                sums = sums.plus(AccuracySums.of(f));
                right += random.nextDouble() < f ? 1 : 0;
            }
            AccuracyEstimate estimate = AccuracyEstimate.withoutLabels(sums).orElseThrow();
            held += estimate.lower() <= right / 200 && right / 200 <= estimate.upper() ? 1 : 0;
        }
        assertThat(held / 400.0).isBetween(.925, .975);
    }

    @Test
    void shouldEqualTheArithmeticOnTheAnswersThemselves() {
        Random random = new Random(2);
        for (int labels : new int[] {23, 57, 101}) {
            List<Answered> answers = overConfident(random, 131, labels);
            AccuracyEstimate estimate =
                    AccuracyEstimate.predictionPowered(sums(answers)).orElseThrow();
            double[] naive = naive(answers);
            assertThat(estimate.value()).isCloseTo(naive[0], within(1e-8));
            assertThat(estimate.lower()).isCloseTo(Math.max(0, naive[0] - Z * naive[1]), within(1e-8));
            assertThat(estimate.upper()).isCloseTo(Math.min(1, naive[0] + Z * naive[1]), within(1e-8));
        }
    }

    @Test
    void shouldCorrectWhatOverConfidentProbabilitiesClaim() {
        Random random = new Random(3);
        int claimed = 0;
        int corrected = 0;
        double width = 0;
        double plainWidth = 0;
        for (int run = 0; run < 300; run++) {
            // Right with probability .3 + .6 (f - .5): .45 on average, where .75 is claimed.
            AccuracySums sums = sums(overConfident(random, 600, 100));
            claimed += holds(AccuracyEstimate.withoutLabels(sums).orElseThrow(), .45);
            AccuracyEstimate estimate = AccuracyEstimate.predictionPowered(sums).orElseThrow();
            corrected += holds(estimate, .45);
            width += estimate.upper() - estimate.lower();
            double right = sums.right() / 100.0;
            plainWidth += 2 * Z * Math.sqrt(right * (1 - right) / 100);
        }
        assertThat(claimed).isZero();
        assertThat(corrected / 300.0).isGreaterThan(.92);
        assertThat(width).isLessThan(plainWidth);
    }

    @Test
    void shouldBeTheMeanOfTheLabelsWhereConfidenceSaysNothing() {
        List<Answered> answers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            answers.add(new Answered(.75, i < 40 ? (Boolean) (i % 4 != 0) : null));
        }
        AccuracyEstimate estimate =
                AccuracyEstimate.predictionPowered(sums(answers)).orElseThrow();
        assertThat(estimate.value()).isCloseTo(.75, within(1e-8));
        assertThat(estimate.upper() - estimate.value()).isCloseTo(Z * Math.sqrt(.75 * .25 / 40), within(1e-8));
    }

    @Test
    void shouldBeTheMeanOfTheLabelsWhereAllAreLabelled() {
        List<Answered> answers = overConfident(new Random(4), 50, 50);
        AccuracySums sums = sums(answers);
        assertThat(AccuracyEstimate.predictionPowered(sums).orElseThrow().value())
                .isCloseTo(sums.right() / 50.0, within(1e-12));
    }

    @Test
    void shouldGiveNoNormalIntervalOfFewLabels() {
        AccuracySums sums = AccuracySums.NONE;
        for (int i = 0; i < 100; i++) {
            sums = sums.plus(AccuracySums.of(.9).labelled(i >= 4));
        }
        assertThat(AccuracyEstimate.predictionPowered(sums)).isEmpty();
        sums = sums.plus(AccuracySums.of(.9).labelled(false));
        assertThat(AccuracyEstimate.predictionPowered(sums)).isPresent();
    }

    @Test
    void shouldTakeAnswersOutAgainExactly() {
        AccuracySums some = sums(overConfident(new Random(5), 37, 20));
        AccuracySums one = AccuracySums.of(.123456789).labelled(true).judged(true);
        assertThat(some.plus(one).minus(one)).isEqualTo(some).hasSameHashCodeAs(some);
        assertThat(AccuracySums.ofLongs(some.toLongs())).isEqualTo(some);
        assertThatThrownBy(() -> AccuracySums.ofLongs(new long[3])).hasMessageContaining("10 sums");
        assertThatThrownBy(() -> AccuracySums.of(Double.NaN)).hasMessageContaining("NaN");
    }

    @Test
    void shouldSayThatTooManyAreUnfamiliarOnlyWhereItIsCertain() {
        assertThat(UnfamiliarShare.isTooLarge(0, 0)).isFalse();
        assertThat(UnfamiliarShare.isTooLarge(1, 1)).isFalse();
        // P(Bin(2, .1) = 2) is .01, P(Bin(3, .1) = 3) .001.
        assertThat(UnfamiliarShare.isTooLarge(3, 3)).isTrue();
        assertThat(UnfamiliarShare.isTooLarge(60, 1000)).isFalse();
        assertThat(UnfamiliarShare.isTooLarge(120, 1000)).isFalse();
        assertThat(UnfamiliarShare.isTooLarge(130, 1000)).isTrue();
    }

    private static int holds(AccuracyEstimate estimate, double value) {
        return estimate.lower() <= value && value <= estimate.upper() ? 1 : 0;
    }

    /** Confidence is uniform in .5 to 1, the answer right with probability .3 + .6 (f - .5). */
    private static List<Answered> overConfident(Random random, int count, int labels) {
        List<Answered> answers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double f = .5 + .5 * random.nextDouble();
            boolean right = random.nextDouble() < .3 + .6 * (f - .5);
            answers.add(new Answered(f, i < labels ? (Boolean) right : null));
        }
        return answers;
    }

    private static AccuracySums sums(List<Answered> answers) {
        AccuracySums sums = AccuracySums.NONE;
        for (Answered each : answers) {
            AccuracySums one = AccuracySums.of(each.confidence());
            sums = sums.plus(each.right() == null ? one : one.labelled(each.right()));
        }
        return sums;
    }

    /** PPI++ as its authors' program has it: estimate and standard deviation. */
    private static double[] naive(List<Answered> answers) {
        List<Double> y = new ArrayList<>();
        List<Double> f = new ArrayList<>();
        List<Double> rest = new ArrayList<>();
        for (Answered each : answers) {
            if (each.right() == null) {
                rest.add(each.confidence());
            } else {
                y.add(each.right() ? 1.0 : 0.0);
                f.add(each.confidence());
            }
        }
        List<Double> all = new ArrayList<>(f);
        all.addAll(rest);
        double n = y.size();
        double covariance = 0;
        for (int i = 0; i < n; i++) {
            covariance += (y.get(i) - mean(y)) * (f.get(i) - mean(f)) / n;
        }
        double lambda = covariance / ((1 + n / rest.size()) * variance(all) * all.size() / (all.size() - 1));
        lambda = Math.min(1, Math.max(0, lambda));
        List<Double> rectified = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            rectified.add(y.get(i) - lambda * f.get(i));
        }
        return new double[] {
            lambda * mean(rest) + mean(rectified),
            Math.sqrt(lambda * lambda * variance(rest) / rest.size() + variance(rectified) / n)
        };
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }

    private static double variance(List<Double> values) {
        double mean = mean(values);
        return values.stream()
                .mapToDouble(v -> (v - mean) * (v - mean))
                .average()
                .orElseThrow();
    }
}
