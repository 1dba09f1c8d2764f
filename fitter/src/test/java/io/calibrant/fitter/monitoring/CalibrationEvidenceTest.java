package io.calibrant.fitter.monitoring;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
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
        CalibrationEvidence forth = CalibrationEvidence.NONE;
        CalibrationEvidence back = CalibrationEvidence.NONE;
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
            assertThat(first.plus(later)).isEqualTo(later.plus(first));
            assertThat(first.plus(later).minus(later)).isEqualTo(first);
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

    @Test
    void shouldStayFiniteWhereWhatWasRuledOutHappens() {
        CalibrationEvidence evidence = CalibrationEvidence.NONE;
        for (int i = 0; i < 100; i++) {
            evidence = evidence.plus(CalibrationEvidence.of(DAY, new double[] {1, 0}, 1));
        }
        assertThat(evidence.value()).isFinite().isGreaterThan(CalibrationEvidence.THRESHOLD);
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
