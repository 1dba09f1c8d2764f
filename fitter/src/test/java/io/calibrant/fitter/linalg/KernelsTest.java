package io.calibrant.fitter.linalg;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.Tensors;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KernelsTest {

    @ParameterizedTest
    @CsvSource({"1, 1", "3, 7", "4, 512", "5, 513", "13, 1031", "31, 61", "8, 8", "71, 130"})
    void shouldMatchTheirNaiveTwins(int p, int d) {
        double[] rows = Naive.random(p * 31L + d, p * d);
        double[] v = Naive.random(5, p * p);

        Panels panels = Panels.of(Rows.none(), 1, Rows.of(rows), d);
        double[] gram = panels.gram();
        double[] combined = panels.combine(v, p);
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

    @ParameterizedTest
    @CsvSource({
        "1, 1",
        "2, 3",
        "3, 4",
        "4, 511",
        "5, 512",
        "6, 513",
        "7, 8",
        "13, 1031",
        "30, 4096",
        "31, 61",
        "71, 130",
        "66, 9",
        "11, 1025"
    })
    void shouldGiveTheSameBitsWithVectorsAndWithout(int p, int d) {
        double[] rows = Naive.random(p * 31L + d, p * d);
        double[] v = Naive.random(5, p * p);

        double[] gram = new Panels(Rows.none(), 1, Rows.of(rows), d, false).gram();
        assertThat(new Panels(Rows.none(), 1, Rows.of(rows), d, true).gram()).containsExactly(gram);
        for (int k = 1; k <= Math.min(p, 11); k++) {
            double[] plain = new Panels(Rows.none(), 1, Rows.of(rows), d, false).combine(v, k);
            assertThat(new Panels(Rows.none(), 1, Rows.of(rows), d, true).combine(v, k))
                    .containsExactly(plain);
            for (boolean vectors : new boolean[] {true, false}) {
                double[] squares = new double[k];
                Rows narrow = new Panels(Rows.none(), 1, Rows.of(rows), d, vectors).combine(v, k, squares);
                assertThat(narrow.floats())
                        .isEqualTo(Tensors.narrowed(plain, k, d).getData());
                for (int i = 0; i < k; i++) {
                    assertThat(squares[i]).isEqualTo(Kernels.square(plain, i * d, d));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 3, 5", "1, 1, 2", "2, 5, 513", "10, 20, 1031"})
    void shouldTakeColumnsWithRowsBelowThemFromWhereTheyLie(int k, int m, int d) {
        float[] numbers = new float[(k + m) * d];
        double[] wide = new double[numbers.length];
        ByteBuffer bytes = ByteBuffer.allocate(3 + 4 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.position(3);
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) (Math.sin(i) * Math.pow(10, i % 40 - 20));
            wide[i] = numbers[i];
            bytes.putFloat(numbers[i]);
        }
        Rows columns = Rows.ofFloats(bytes.slice(3, 4 * k * d));
        Rows rows = Rows.ofFloats(bytes.slice(3 + 4 * k * d, 4 * m * d));
        double[] stacked = wide.clone();
        for (int i = 0; i < k * d; i++) {
            stacked[i] *= 0.5;
        }

        assertThat(columns.length()).isEqualTo(k * d);
        assertThat(rows.doubles()).containsExactly(Arrays.copyOfRange(wide, k * d, wide.length));
        double[] v = Naive.random(5, (k + m) * (k + m));
        Panels expected = Panels.of(Rows.none(), 1, Rows.of(stacked), d);
        double[] gram = expected.gram();
        double[] combined = expected.combine(v, k + m);
        Panels panels = Panels.of(columns, 0.5, rows, d);
        assertThat(panels.gram()).containsExactly(gram);
        assertThat(panels.combine(v, k + m)).containsExactly(combined);
    }

    @ParameterizedTest
    @CsvSource({"1", "4", "8", "30", "33"})
    void shouldTurnTwoRowsToTheSameBits(int n) {
        double[] turned = Naive.random(n, 3 * n);
        double[] expected = turned.clone();
        double c = 0.8;
        double s = -0.6;
        int done = VectorKernels.rotate(turned, n, n, c, s);
        for (int i = n; i < n + done; i++) {
            double x = expected[i];
            double y = expected[i + n];
            expected[i + n] = s * x + c * y;
            expected[i] = c * x - s * y;
        }

        assertThat(n - done).isBetween(0, 7);
        assertThat(turned).containsExactly(expected);
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
