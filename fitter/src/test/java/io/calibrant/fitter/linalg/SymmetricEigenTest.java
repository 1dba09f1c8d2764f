package io.calibrant.fitter.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SymmetricEigenTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 31, 101})
    void shouldRebuildTheMatrixFromDescendingPairs(int n) {
        double[] matrix = Naive.outer(Naive.random(n, n * n), n, n);
        double[] before = matrix.clone();

        SymmetricEigen eigen = SymmetricEigen.of(matrix, n);

        double[] rebuilt = new double[n * n];
        for (int e = 0; e < n; e++) {
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    rebuilt[i * n + j] += eigen.values()[e] * eigen.vectors()[e * n + i] * eigen.vectors()[e * n + j];
                }
            }
        }
        assertThat(Naive.relative(rebuilt, matrix)).isLessThan(1e-12);
        assertThat(matrix).containsExactly(before);
        assertThat(SymmetricEigen.values(matrix, n)).containsExactly(eigen.values(), offset(1e-12 * n * n));
        for (int i = 1; i < n; i++) {
            assertThat(eigen.values()[i]).isLessThanOrEqualTo(eigen.values()[i - 1]);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8, 30, 61, 64})
    void shouldEqualAnotherSolverWhateverTheScale(int n) {
        for (double scale : new double[] {1, 1e-200, 1e200, 1e-290}) {
            double[] matrix = Naive.times(scale, Naive.outer(Naive.random(n + 1, n * n / 2 + n), n / 2 + 1, n));
            SmallEigen small = new SmallEigen(
                    matrix,
                    n,
                    Math.scalb(
                            1.0,
                            Math.getExponent(
                                    Arrays.stream(matrix).map(Math::abs).max().orElseThrow())));
            double[] values = small.values().clone();
            Arrays.sort(values);
            EigenDecomposition_F64<DMatrixRMaj> other = DecompositionFactory_DDRM.eig(n, false, true);
            assertThat(other.decompose(new DMatrixRMaj(n, n, true, Naive.times(1 / scale, matrix))))
                    .isTrue();
            double[] expected = IntStream.range(0, n)
                    .mapToDouble(i -> scale * other.getEigenvalue(i).getReal())
                    .sorted()
                    .toArray();
            assertThat(values).containsExactly(expected, offset(1e-13 * n * expected[n - 1]));
            double[] z = small.vectors();
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    double dot = 0;
                    for (int c = 0; c < n; c++) {
                        dot += z[i * n + c] * z[j * n + c];
                    }
                    assertThat(dot).isCloseTo(i == j ? 1 : 0, offset(1e-13 * n));
                }
            }
        }
    }

    @Test
    void shouldTakeTheZeroMatrixAndNone() {
        assertThat(SymmetricEigen.of(new double[9], 3).values()).containsExactly(0, 0, 0);
        assertThat(SymmetricEigen.of(new double[0], 0).values()).isEmpty();
    }

    @Test
    void shouldRefuseAnotherSize() {
        assertThatThrownBy(() -> SymmetricEigen.of(new double[8], 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("3 x 3")
                .hasMessageContaining("found 8");
    }

    @Test
    void shouldForgiveRoundingBelowZeroButRepairNoIndefiniteMatrix() {
        assertThat(SymmetricEigen.nonNegative(new double[] {2, 0.5, -1e-9}, 1e-6))
                .containsExactly(2, 0.5, 0);
        assertThatThrownBy(() -> SymmetricEigen.nonNegative(new double[] {2, 0.5, -0.1}, 1e-6))
                .isInstanceOf(ArithmeticException.class)
                .hasMessageContaining("-0.1");
        assertThatThrownBy(() -> SymmetricEigen.nonNegative(new double[] {-1, -3}, 1e-6))
                .isInstanceOf(ArithmeticException.class);
    }
}
