package io.calibrant.fitter.monitoring;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CalibrationEvidenceTest {
    private static final long DAY = 86_400_000;

    /** The most that rounding down a log ratio takes off. */
    private static final double ROUNDING = 0x1p-12;

    @Test
    void shouldBeAMartingaleWhereTheProbabilitiesAreRight() {
        Random random = new Random(1);
        CalibrationEvidence evidence = CalibrationEvidence.NONE;
        assertThat(evidence.value()).isEqualTo(1);
        for (int t = 0; t < 40; t++) {
            double[] p = probabilities(random, 2 + t % 4);
            double mean = 0;
            for (int c = 0; c < p.length; c++) {
                mean += p[c]
                        * evidence.plus(CalibrationEvidence.of(t / 5 * DAY, p, c))
                                .value();
            }
            assertThat(mean).isBetween(evidence.value() * (1 - ROUNDING), evidence.value());
            evidence = evidence.plus(CalibrationEvidence.of(t / 5 * DAY, p, drawn(random, p)));
        }
    }

    @Test
    void shouldAverageTheRatiosOverAlternativesAndFirstDays() {
        Random random = new Random(2);
        List<double[]> served = new ArrayList<>();
        List<Integer> labels = new ArrayList<>();
        int[] days = {3, 3, 4, 7, 7, 7, 8};
        CalibrationEvidence evidence = CalibrationEvidence.NONE;
        for (int day : days) {
            double[] p = probabilities(random, 3);
            served.add(p);
            labels.add(drawn(random, p));
            evidence = evidence.plus(CalibrationEvidence.of(day * DAY + 5, p, labels.get(labels.size() - 1)));
        }
        double naive = 1.0 / 7; // days 3 to 8 have begun
        for (int start = 3; start <= 8; start++) {
            double sum = 0;
            for (double b : new double[] {1.0 / 3, .5, .7, 1.4, 2}) {
                double product = 1;
                for (int t = 0; t < days.length; t++) {
                    double[] p = served.get(t);
                    double norm = Math.pow(p[0], b) + Math.pow(p[1], b) + Math.pow(p[2], b);
                    product *= days[t] < start ? 1 : Math.pow(p[labels.get(t)], b) / norm / p[labels.get(t)];
                }
                sum += product;
            }
            for (double g : new double[] {.05, .15, .4}) {
                double product = 1;
                for (int t = 0; t < days.length; t++) {
                    double p = served.get(t)[labels.get(t)];
                    product *= days[t] < start ? 1 : ((1 - g) * p + g / 3) / p;
                }
                sum += product;
            }
            naive += sum / 8 / ((start - 2) * (start - 1.0));
        }
        assertThat(evidence.value()).isBetween(naive * (1 - 7 * ROUNDING), naive);
    }

    @Test
    void shouldReachALargeValueAsSeldomAsItPromises() {
        int reached = 0;
        for (int run = 0; run < 200; run++) {
            reached += labelsUntil(run, 1, 10, 200) <= 200 ? 1 : 0;
        }
        assertThat(reached / 200.0).isLessThan(.1);
    }

    /** Capital that begins anew, again and again, would reach any value in the end. */
    @Test
    void shouldReachALargeValueAsSeldomAsItPromisesHoweverLongItRuns() {
        int reached = 0;
        for (int run = 0; run < 200; run++) {
            Random random = new Random(run);
            CalibrationEvidence evidence = CalibrationEvidence.NONE;
            double most = 0;
            for (long day = 0; day < 2000; day += 10) {
                for (int label = 0; label < 4; label++) {
                    double[] p = probabilities(random, 2);
                    evidence = evidence.plus(CalibrationEvidence.of(day * DAY, p, drawn(random, p)));
                }
                most = Math.max(most, evidence.value());
            }
            reached += most >= 5 ? 1 : 0;
        }
        assertThat(reached / 200.0).isLessThan(.2);
    }

    @Test
    void shouldGiveUpTheCapitalOfDaysThatAreNoLongerApart() {
        CalibrationEvidence lost = ratio(1, 1e-9);
        for (long day = 2; day <= 310; day++) {
            lost = lost.plus(ratio(day, .9));
        }
        double value = lost.plus(ratio(400, 1e4)).value();
        // Days 311 to 400 bet with 1e4, each with its share: what is left of the others is nothing.
        assertThat(value).isBetween(.99 * 1e4 * (1.0 / 311 - 1.0 / 401), 1e4 * (1.0 / 311 - 1.0 / 401) + 1);
    }

    @Test
    void shouldKeepTheFirstDayThatWasKnownBeforeTheFirstLabel() {
        CalibrationEvidence old = CalibrationEvidence.of(5 * DAY, new double[] {.3, .25, .25, .2}, 0);
        CalibrationEvidence labelled = ratio(10, 150);
        assertThat(labelled.value()).isBetween(75.4, 75.6);
        assertThat(labelled.plus(old).value()).as("a label that says nothing").isBetween(70.0, 80.0);
        assertThat(labelled.plus(old).plus(CalibrationEvidence.NONE.minus(old))).isEqualTo(labelled);
        assertThat(labelled.plus(CalibrationEvidence.answered(5 * DAY))).isSameAs(labelled);

        CalibrationEvidence answered = CalibrationEvidence.answered(5 * DAY);
        assertThat(answered.isEmpty()).isTrue();
        assertThat(answered.value()).isEqualTo(1);
        assertThat(answered.since()).isZero();
        assertThat(answered.plus(labelled).value()).isBetween(128.5, 128.8);
        assertThat(CalibrationEvidence.answered(12 * DAY)
                        .plus(CalibrationEvidence.ofDays(answered.days()))
                        .plus(labelled))
                .isEqualTo(answered.plus(labelled));
        assertThat(answered.plus(labelled).plus(old))
                .isEqualTo(answered.plus(old).plus(labelled));
    }

    /** An answer that takes the place of another one moves its label, to whatever the difference is added. */
    @Test
    void shouldMoveALabelFromDayToDay() {
        CalibrationEvidence before = CalibrationEvidence.of(10 * DAY, new double[] {.9, .1}, 1);
        CalibrationEvidence after = CalibrationEvidence.of(12 * DAY, new double[] {.8, .2}, 1);
        CalibrationEvidence all = CalibrationEvidence.answered(DAY).plus(ratio(11, 3));
        assertThat(all.plus(before).plus(after.minus(before))).isEqualTo(all.plus(after));
        assertThat(all.plus(after).plus(before.minus(after))).isEqualTo(all.plus(before));
    }

    @Test
    void shouldFindProbabilitiesThatAreTooSure() {
        List<Integer> delays = new ArrayList<>();
        for (int run = 0; run < 31; run++) {
            delays.add(labelsUntil(run, 2.5, CalibrationEvidence.THRESHOLD, 500));
        }
        assertThat(delays.stream().sorted().toList().get(15)).isBetween(10, 100);
    }

    @Test
    void shouldFindAChangeThatComesLateAndSaySinceWhen() {
        Random random = new Random(3);
        CalibrationEvidence evidence = CalibrationEvidence.NONE;
        for (int t = 0; t < 1600; t++) {
            double[] truth = probabilities(random, 4);
            double[] served = t < 1500 ? truth : power(truth, 2.5);
            evidence = evidence.plus(CalibrationEvidence.of(t / 20 * DAY, served, drawn(random, truth)));
            assertThat(t >= 1500 || evidence.value() < CalibrationEvidence.THRESHOLD)
                    .isTrue();
        }
        assertThat(evidence.value()).isGreaterThan(CalibrationEvidence.THRESHOLD);
        assertThat(evidence.since()).isBetween(74 * DAY, 76 * DAY);
    }

    @Test
    void shouldNotDependOnTheOrderAndTakeOutWhatWasAdded() {
        Random random = new Random(4);
        List<CalibrationEvidence> all = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            double[] p = probabilities(random, 4);
            all.add(CalibrationEvidence.of((long) (200 * DAY * random.nextDouble()), p, drawn(random, p)));
        }
        // The answers are known before the first label.
        CalibrationEvidence forth = CalibrationEvidence.NONE;
        CalibrationEvidence back = CalibrationEvidence.NONE;
        for (CalibrationEvidence each : all) {
            CalibrationEvidence answered =
                    CalibrationEvidence.answered(each.days().firstKey() * DAY);
            forth = forth.plus(answered);
            back = answered.plus(back);
        }
        assertThat(forth).isEqualTo(back);
        for (int i = 0; i < 30; i++) {
            forth = forth.plus(all.get(i));
            back = back.plus(all.get(29 - i));
        }
        assertThat(forth).isEqualTo(back).hasSameHashCodeAs(back);
        assertThat(forth.days().size()).isLessThan(30);
        assertThat(CalibrationEvidence.ofDays(forth.days())).isEqualTo(forth);
        CalibrationEvidence newest = CalibrationEvidence.of(forth.days().lastKey() * DAY, new double[] {.6, .4}, 1);
        assertThat(forth.plus(newest).minus(newest)).isEqualTo(forth);
        assertThat(newest.minus(newest).isEmpty()).isTrue();
    }

    @Test
    void shouldPutADayThatIsExactlyTheOldestTogetherWithTheFirst() {
        for (int day = 88; day <= 92; day++) {
            CalibrationEvidence first = CalibrationEvidence.of(0, new double[] {.6, .4}, 1);
            CalibrationEvidence later = CalibrationEvidence.of(day * DAY, new double[] {.9, .1}, 1);
            CalibrationEvidence answered = CalibrationEvidence.answered(0);
            assertThat(first.plus(later)).isEqualTo(answered.plus(later).plus(first));
            CalibrationEvidence without = first.plus(later).minus(later);
            if (day < 90) {
                assertThat(without).isEqualTo(first);
            } else {
                assertThat(without.value()).isBetween(0.5 * first.value(), first.value());
                assertThat(without.plus(later)).isEqualTo(first.plus(later));
            }
            assertThat(first.plus(later).days()).containsOnlyKeys(0L, (long) day);
        }
        CalibrationEvidence one = CalibrationEvidence.of(DAY, new double[] {.6, .4}, 1);
        CalibrationEvidence both =
                CalibrationEvidence.of(0, new double[] {.6, .4}, 1).plus(one);
        assertThat(both.plus(CalibrationEvidence.of(90 * DAY, new double[] {.6, .4}, 1))
                        .days())
                .containsOnlyKeys(0L, 1L, 90L);
        assertThat(both.plus(CalibrationEvidence.of(91 * DAY, new double[] {.6, .4}, 1))
                        .days())
                .containsOnlyKeys(0L, 91L);
    }

    /** Also after the label is gone for which days were put together. */
    @Test
    void shouldCorrectALabelOfADayThatWasPutTogetherWithTheFirst() {
        CalibrationEvidence answered = CalibrationEvidence.answered(0);
        CalibrationEvidence wrong = ratio(5, 1e-9);
        CalibrationEvidence right = ratio(5, 1.1);
        CalibrationEvidence newest = ratio(100, 1.1);
        CalibrationEvidence corrected = answered.plus(wrong)
                .plus(newest)
                .plus(CalibrationEvidence.NONE.minus(newest))
                .plus(right.minus(wrong));
        assertThat(corrected.value()).isLessThanOrEqualTo(answered.plus(right).value());
        assertThat(CalibrationEvidence.ofDays(corrected.days())).isEqualTo(corrected);
    }

    @Test
    void shouldStayFiniteWhereWhatWasRuledOutHappens() {
        CalibrationEvidence evidence = CalibrationEvidence.NONE;
        for (int i = 0; i < 100; i++) {
            evidence = evidence.plus(CalibrationEvidence.of(DAY, new double[] {1, 0}, 1));
        }
        assertThat(evidence.value()).isFinite().isGreaterThan(CalibrationEvidence.THRESHOLD);
    }

    /** Labels of a day that are so many times as probable by every alternative. */
    private static CalibrationEvidence ratio(long day, double ratio) {
        long[] sums = new long[CalibrationEvidence.LENGTH];
        Arrays.fill(sums, (long) Math.floor(Math.log(ratio) / ROUNDING));
        return CalibrationEvidence.ofDays(Map.of(day, sums));
    }

    /**
     * The label after which the evidence reaches a value, at most {@code most} + 1.
     *
     * @param temperature by which what is served is too sure
     */
    private static int labelsUntil(int seed, double temperature, double value, int most) {
        Random random = new Random(seed);
        CalibrationEvidence evidence = CalibrationEvidence.NONE;
        for (int t = 1; t <= most; t++) {
            double[] truth = probabilities(random, 4);
            double[] served = power(truth, temperature);
            evidence = evidence.plus(CalibrationEvidence.of(t / 50 * DAY, served, drawn(random, truth)));
            if (evidence.value() >= value) {
                return t;
            }
        }
        return most + 1;
    }

    private static double[] power(double[] p, double b) {
        double[] q = new double[p.length];
        double sum = 0;
        for (int c = 0; c < p.length; c++) {
            q[c] = Math.pow(p[c], b);
            sum += q[c];
        }
        for (int c = 0; c < p.length; c++) {
            q[c] /= sum;
        }
        return q;
    }

    private static double[] probabilities(Random random, int classes) {
        double[] p = new double[classes];
        for (int c = 0; c < classes; c++) {
            p[c] = Math.exp(1.5 * random.nextGaussian());
        }
        return power(p, 1);
    }

    private static int drawn(Random random, double[] p) {
        double u = random.nextDouble();
        int c = 0;
        while (c < p.length - 1 && u >= p[c]) {
            u -= p[c];
            c++;
        }
        return c;
    }
}
