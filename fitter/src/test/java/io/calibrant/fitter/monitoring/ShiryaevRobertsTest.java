package io.calibrant.fitter.monitoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShiryaevRobertsTest {
    private static final double[] THRESHOLDS = {.003, .005, .01, .02, .05, .1, .2};
    private static final double[] STAKES = {.02, .05, .1, .2, .5};

    @Test
    void shouldBeTheSumOfTheBetsFromEveryStart() {
        Random random = new Random(1);
        List<Double> values = new ArrayList<>();
        ShiryaevRoberts sums = ShiryaevRoberts.START;
        for (int t = 0; t < 37; t++) {
            double p = random.nextDouble() * random.nextDouble();
            values.add(p);
            sums = sums.next(p);
        }
        double naive = 0;
        for (double q : THRESHOLDS) {
            for (double a : STAKES) {
                for (int start = 0; start < values.size(); start++) {
                    double product = 1;
                    for (double p : values.subList(start, values.size())) {
                        product *= 1 - a + (p <= q ? a / q : 0);
                    }
                    naive += product / (THRESHOLDS.length * STAKES.length);
                }
            }
        }
        assertThat(sums.value()).isCloseTo(naive, within(1e-9 * naive));
        assertThat(ShiryaevRoberts.ofDoubles(sums.toDoubles())).isEqualTo(sums).hasSameHashCodeAs(sums);
        assertThatThrownBy(() -> ShiryaevRoberts.ofDoubles(new double[2])).hasMessageContaining("35 sums");
    }

    @Test
    void shouldGrowByOneAQuestionOnAverage() {
        // The mean over uniform p, exactly: on each interval between two thresholds the bets are constant.
        ShiryaevRoberts sums = ShiryaevRoberts.START.next(.004).next(.7).next(.04);
        double mean = 0;
        double lower = 0;
        for (double upper : new double[] {.003, .005, .01, .02, .05, .1, .2, 1}) {
            mean += (upper - lower) * sums.next(upper).value();
            lower = upper;
        }
        assertThat(mean).isCloseTo(1 + sums.value(), within(1e-9));
    }

    /** The table of method.md, section 7, within the noise of its simulation. */
    @ParameterizedTest
    @CsvSource({
        "100, .1, 533",
        "100, .5, 24",
        "200, .1, 421",
        "200, .5, 18",
        "600, .1, 110",
        "600, .5, 12",
        "2000, .1, 65",
        "2000, .5, 9"
    })
    void shouldFindForeignQuestionsAsSoonAsTheMethodSays(int scores, double foreign, int delay) {
        double[] corrected = corrected(scores);
        int[] delays = new int[61];
        for (int run = 0; run < delays.length; run++) {
            Random random = new Random(1000L * scores + run);
            double[] calibration = calibration(random, scores);
            ShiryaevRoberts sums = ShiryaevRoberts.START;
            while (sums.value() < 1e6 && delays[run] < 100_000) {
                double score = random.nextGaussian() + (random.nextDouble() < foreign ? 4 : 0);
                sums = sums.next(corrected[exceeding(calibration, score)]);
                delays[run]++;
            }
        }
        Arrays.sort(delays);
        assertThat((double) delays[delays.length / 2]).isBetween(delay / 1.3, delay * 1.3);
    }

    @ParameterizedTest
    @CsvSource({"100, 2", "200, 0", "600, 2", "2000, 4"})
    void shouldRaiseAsFewFalseAlarmsAsTheMethodSays(int scores, int alarms) {
        double[] corrected = corrected(scores);
        int raised = 0;
        for (int run = 0; run < 100; run++) {
            Random random = new Random(77L * scores + run);
            double[] calibration = calibration(random, scores);
            ShiryaevRoberts sums = ShiryaevRoberts.START;
            for (int t = 0; t < 4000 && sums.value() < 1e4; t++) {
                sums = sums.next(corrected[exceeding(calibration, random.nextGaussian())]);
            }
            raised += sums.value() >= 1e4 ? 1 : 0;
        }
        assertThat(raised).isBetween(Math.max(0, alarms - 4), alarms + 4);
    }

    private static double[] calibration(Random random, int scores) {
        double[] calibration = new double[scores];
        Arrays.setAll(calibration, i -> random.nextGaussian());
        Arrays.sort(calibration);
        return calibration;
    }

    private static int exceeding(double[] calibration, double score) {
        int at = Arrays.binarySearch(calibration, score);
        return calibration.length - (at < 0 ? -at - 1 : at);
    }

    private static double[] corrected(int scores) {
        double[] corrected = new double[scores + 1];
        for (int k = 0; k <= scores; k++) {
            // Above the largest threshold all are alike.
            corrected[k] = k > 0 && corrected[k - 1] > .2 ? 1 : CorrectedPValue.of(k, scores);
        }
        return corrected;
    }
}
