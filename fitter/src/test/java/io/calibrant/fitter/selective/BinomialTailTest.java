package io.calibrant.fitter.selective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class BinomialTailTest {
    @Test
    void shouldEqualTheSumOverAllOutcomes() {
        for (int n : new int[] {0, 1, 2, 7, 31, 211}) {
            for (double p : new double[] {0, 0.003, 0.05, 0.5, 0.93, 1}) {
                double[] pmf = distribution(n, p);
                double sum = 0;
                for (int k = 0; k <= n; k++) {
                    sum += pmf[k];
                    assertThat(BinomialTail.atMost(k, n, p))
                            .as("%d of %d at %s", k, n, p)
                            .isEqualTo(sum, within(1e-12));
                }
            }
        }
        assertThat(BinomialTail.atMost(-1, 5, 0.5)).isZero();
    }

    /** 0.95^20000 underflows, its sum does not. */
    @Test
    void shouldHoldForManyTrials() {
        assertThat(BinomialTail.atMost(1000, 20_000, 0.05)).isEqualTo(0.508, within(0.001));
        assertThat(BinomialTail.atMost(900, 20_000, 0.05)).isBetween(1e-4, 1e-3);
    }

    @Test
    void shouldGiveTheExactIntervalOfAShare() {
        double[] none = BinomialTail.accuracy(0, 40, 0.95);
        assertThat(none[0]).isEqualTo(Math.pow(0.025, 1 / 40.0), within(1e-9));
        assertThat(none[1]).isEqualTo(1, within(1e-9));
        double[] all = BinomialTail.accuracy(40, 40, 0.95);
        assertThat(all[0]).isEqualTo(0, within(1e-9));
        assertThat(all[1]).isEqualTo(1 - Math.pow(0.025, 1 / 40.0), within(1e-9));
        // 8 of 10 right: 0.4439 to 0.9748 in every table.
        double[] some = BinomialTail.accuracy(2, 10, 0.95);
        assertThat(some[0]).isEqualTo(0.4439, within(5e-5));
        assertThat(some[1]).isEqualTo(0.9748, within(5e-5));
    }

    /** Trial by trial, [n + 1]. */
    static double[] distribution(int n, double p) {
        double[] pmf = new double[n + 1];
        pmf[0] = 1;
        for (int i = 1; i <= n; i++) {
            for (int k = i; k >= 0; k--) {
                pmf[k] = pmf[k] * (1 - p) + (k == 0 ? 0 : pmf[k - 1] * p);
            }
        }
        return pmf;
    }
}
