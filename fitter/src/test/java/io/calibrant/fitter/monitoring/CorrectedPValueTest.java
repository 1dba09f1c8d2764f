package io.calibrant.fitter.monitoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class CorrectedPValueTest {
    @Test
    void shouldHaveItsClosedForms() {
        for (int n : new int[] {1, 7, 100, 2003}) {
            assertThat(CorrectedPValue.of(0, n)).isCloseTo(1 - Math.pow(.01, 1.0 / n), within(1e-10));
            assertThat(CorrectedPValue.of(n - 1, n)).isCloseTo(Math.pow(.99, 1.0 / n), within(1e-10));
            assertThat(CorrectedPValue.of(n, n)).isEqualTo(1);
        }
        assertThat(CorrectedPValue.of(0, 0)).isEqualTo(1);
    }

    @Test
    void shouldBeWhereTheBinomialTailIsOnePercent() {
        for (int n : new int[] {13, 101, 599}) {
            for (int k : new int[] {0, 1, 5, n / 2, n - 1}) {
                double p = CorrectedPValue.of(k, n);
                assertThat(binomialAtMost(k, n, p)).as("k %d of n %d", k, n).isCloseTo(.01, within(1e-7));
            }
        }
    }

    @Test
    void shouldBoundTheTailOfNearlyEveryCalibrationSet() {
        Random random = new Random(6);
        int n = 100;
        int k = 3;
        double corrected = CorrectedPValue.of(k, n);
        int bounded = 0;
        int plain = 0;
        for (int run = 0; run < 2000; run++) {
            // The tail probability of the score that just 3 of 100 uniform scores reach: their 4th smallest.
            double[] tails = random.doubles(n).sorted().toArray();
            bounded += tails[k] <= corrected ? 1 : 0;
            plain += tails[k] <= (1 + k) / (1.0 + n) ? 1 : 0;
        }
        assertThat(bounded / 2000.0).isBetween(.982, .998);
        assertThat(plain / 2000.0).isLessThan(.65);
    }

    @Test
    void shouldRefuseMoreThanThereAre() {
        assertThatThrownBy(() -> CorrectedPValue.of(4, 3)).hasMessageContaining("of 3 calibration scores 0 to 3");
        assertThatThrownBy(() -> CorrectedPValue.of(-1, 3)).isInstanceOf(IllegalArgumentException.class);
    }

    private static double binomialAtMost(int k, int n, double p) {
        double logTerm = n * Math.log1p(-p);
        double sum = Math.exp(logTerm);
        for (int i = 1; i <= k; i++) {
            logTerm += Math.log((double) (n - i + 1) / i) + Math.log(p) - Math.log1p(-p);
            sum += Math.exp(logTerm);
        }
        return sum;
    }
}
