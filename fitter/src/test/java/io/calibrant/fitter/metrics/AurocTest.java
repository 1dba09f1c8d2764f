package io.calibrant.fitter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AurocTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 5, 1000})
    void shouldMeetTheCountOverAllPairs(int values) {
        // Few values: many ties, within a kind and across.
        Random random = new Random(values);
        double[] high =
                random.ints(53, 0, values).asDoubleStream().map(x -> x * 1.2).toArray();
        double[] low = random.ints(31, 0, values).asDoubleStream().toArray();
        double wins = 0;
        for (double h : high) {
            for (double l : low) {
                wins += h > l ? 1 : h == l ? 0.5 : 0;
            }
        }
        assertThat(Auroc.of(high, low)).isEqualTo(wins / (53 * 31), within(1e-12));
        assertThat(Auroc.of(low, high)).isEqualTo(1 - wins / (53 * 31), within(1e-12));
    }

    @Test
    void shouldBeOneZeroOrAHalf() {
        assertThat(Auroc.of(new double[] {3, 4}, new double[] {1, 2})).isEqualTo(1);
        assertThat(Auroc.of(new double[] {1, 2}, new double[] {3})).isZero();
        assertThat(Auroc.of(new double[] {7, 7}, new double[] {7, 7, 7})).isEqualTo(0.5);
    }

    @Test
    void shouldNameWhatItDoesNotAccept() {
        assertThatThrownBy(() -> Auroc.of(new double[0], new double[] {1})).hasMessageContaining("0 and 1");
        assertThatThrownBy(() -> Auroc.of(new double[] {Double.NaN}, new double[] {1}))
                .hasMessageContaining("NaN");
    }
}
