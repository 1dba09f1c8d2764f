package io.calibrant.fitter.linalg;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KernelsTest {

    @ParameterizedTest
    @CsvSource({"1, 1", "3, 7", "4, 512", "5, 513", "13, 1031", "31, 61", "8, 8"})
    void shouldMatchTheirNaiveTwins(int p, int d) {
        double[] rows = Naive.random(p * 31L + d, p * d);
        double[] v = Naive.random(5, p * p);

        double[] gram = Kernels.gram(rows, p, d);
        double[] combined = Kernels.combine(v, p, rows, p, d);
        double[] outer = Naive.random(3, d * d);
        double[] before = Naive.times(0.5, Naive.plus(outer, transposed(outer, d)));
        double[] after = before.clone();
        Kernels.addOuter(after, rows, p, d);

        for (int i = 0; i < p; i++) {
            for (int j = 0; j < p; j++) {
                double dot = 0;
                for (int c = 0; c < d; c++) {
                    dot += rows[i * d + c] * rows[j * d + c];
                }
                assertThat(gram[i * p + j]).isCloseTo(dot, within(1e-12 * d));
            }
            for (int c = 0; c < d; c++) {
                double sum = 0;
                for (int j = 0; j < p; j++) {
                    sum += v[i * p + j] * rows[j * d + c];
                }
                assertThat(combined[i * d + c]).isCloseTo(sum, within(1e-12 * p));
            }
        }
        assertThat(Naive.relative(after, Naive.plus(before, Naive.outer(rows, p, d))))
                .isLessThan(1e-13);
    }

    private static org.assertj.core.data.Offset<Double> within(double tolerance) {
        return org.assertj.core.data.Offset.offset(tolerance);
    }

    private static double[] transposed(double[] a, int n) {
        double[] t = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                t[i * n + j] = a[j * n + i];
            }
        }
        return t;
    }
}
