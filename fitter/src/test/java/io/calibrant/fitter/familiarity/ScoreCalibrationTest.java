package io.calibrant.fitter.familiarity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ScoreCalibrationTest {
    private static final double[] HOME = new Random(7).doubles(99, -1, 1).toArray();

    @Test
    void shouldCountTheScoresAtOrAboveAndTheQuestionItself() {
        ScoreCalibration known = new ScoreCalibration(3, 1, 2, 2);
        assertThat(known.pValue(0)).isEqualTo(1);
        assertThat(known.pValue(2)).isEqualTo(4 / 5.0);
        assertThat(known.pValue(2.5)).isEqualTo(2 / 5.0);
        assertThat(known.pValue(9)).isEqualTo(1 / 5.0);
        assertThat(new ScoreCalibration().pValue(9)).isEqualTo(1);
    }

    @Test
    void shouldLeaveOutEachScoreAsOftenAsItIsNamed() {
        ScoreCalibration known = new ScoreCalibration(3, 1, 2, 2, 5).without(2, 5, 0, 4, 9);
        assertThat(known.size()).isEqualTo(3);
        assertThat(known.pValue(2)).isEqualTo(3 / 4.0);
        assertThat(known.pValue(3)).isEqualTo(2 / 4.0);
        assertThat(known.pValue(4)).isEqualTo(1 / 4.0);
        assertThat(known.without(1, 2, 3).size()).isZero();
    }

    @Test
    void shouldBeUniformForQuestionsOfTheSameKind() {
        Random random = new Random(3);
        int[] tenths = new int[10];
        for (int set = 0; set < 2000; set++) {
            double score = random.nextGaussian();
            double p = new ScoreCalibration(
                            random.doubles(99).map(u -> random.nextGaussian()).toArray())
                    .pValue(score);
            tenths[(int) Math.ceil(p * 10 - 1e-9) - 1]++;
        }
        assertThat(Arrays.stream(tenths).boxed())
                .allMatch(count -> Math.abs(count - 200) < 65); // 4.8 standard deviations
    }

    @Test
    void shouldSoftenByTheRobustDeviationFromTheMedian() {
        ScoreCalibration known = new ScoreCalibration(HOME);
        double[] sorted = HOME.clone();
        Arrays.sort(sorted);
        double median = sorted[49];
        double[] distances =
                Arrays.stream(sorted).map(s -> Math.abs(s - median)).sorted().toArray();
        double unit = 1.4826 * distances[49];

        assertThat(known.deviations(median + 3 * unit)).isCloseTo(3, within(1e-12));
        assertThat(known.softening(median + 4 * unit)).isZero();
        assertThat(known.softening(median + 4.5 * unit)).isCloseTo(0.225, within(1e-9));
        assertThat(known.softening(median + 6 * unit)).isCloseTo(0.9, within(1e-9));
        assertThat(known.softening(median + 60 * unit)).isEqualTo(0.9);
        assertThat(known.softening(median - 60 * unit)).isZero();
    }

    @Test
    void shouldNotSoftenWithFewScoresNorWhereTheyAreAllAlike() {
        assertThat(new ScoreCalibration(Arrays.copyOf(HOME, 19)).softening(100)).isZero();
        assertThat(new ScoreCalibration(Arrays.copyOf(HOME, 20)).softening(100)).isEqualTo(0.9);
        assertThat(new ScoreCalibration(new double[50]).softening(100)).isZero();
    }

    @Test
    void shouldNotSoftenWhatHasBeenChecked() {
        double[] checked = Arrays.copyOf(HOME, 109);
        Arrays.fill(checked, 99, 109, 20);
        assertThat(new ScoreCalibration(HOME).softening(20)).isEqualTo(0.9);
        assertThat(new ScoreCalibration(checked).softening(20)).isZero();
        assertThat(new ScoreCalibration(checked).softening(21)).isEqualTo(0.9);
    }

    /**
     * Labelled questions that were unfamiliar are known, the rare ones of the own kind, too. So none becomes unfamiliar
     * by them, and fewer than 5% of the own kind are.
     */
    @Test
    void shouldMakeNoFamiliarQuestionUnfamiliarByWhatHasBeenChecked() {
        Random random = new Random(11);
        double[] home = random.doubles(300).map(u -> random.nextGaussian()).toArray();
        ScoreCalibration before = new ScoreCalibration(home);
        ScoreCalibration known = before;
        double[] scores = home;
        for (int i = 0; i < 2000; i++) {
            double score = random.nextGaussian() + (i % 20 == 0 ? 9 : 0);
            if (ScoreCalibration.isUnfamiliar(known.pValue(score))) {
                scores = Arrays.copyOf(scores, scores.length + 1);
                scores[scores.length - 1] = score;
                known = new ScoreCalibration(scores);
            }
        }
        int usual = 0;
        int still = 0;
        for (int i = 0; i < 4000; i++) {
            double score = random.nextGaussian();
            usual += ScoreCalibration.isUnfamiliar(before.pValue(score)) ? 1 : 0;
            still += ScoreCalibration.isUnfamiliar(known.pValue(score)) ? 1 : 0;
            assertThat(known.pValue(score)).isGreaterThanOrEqualTo(before.pValue(score));
        }
        assertThat(usual / 4000.0).isBetween(.02, .08);
        assertThat(still).isLessThan(usual / 4);
        assertThat(before.pValue(9)).isLessThan(.05);
        assertThat(known.pValue(9)).as("checked").isGreaterThan(.05);
        assertThat(known.pValue(20)).as("farther off than all that was checked").isLessThan(.05);
    }

    @Test
    void shouldKeepTheMostProbableLabelAndTheSum() {
        double[] softened = ScoreCalibration.softened(new double[] {0.7, 0.2, 0.1}, 0.9);
        assertThat(softened).containsExactly(new double[] {0.37, 0.32, 0.31}, within(1e-12));
        assertThat(ScoreCalibration.softened(new double[] {0.7, 0.2, 0.1}, 0)).containsExactly(0.7, 0.2, 0.1);
    }
}
