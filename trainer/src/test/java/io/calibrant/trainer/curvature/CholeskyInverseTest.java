package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class CholeskyInverseTest {
    private static final int N = 13;

    @Test
    void shouldTurnTheMatrixIntoTheIdentity() {
        double[] matrix = gram(17, 0);

        double[] inverse = CholeskyInverse.of(matrix, N, 1e-10);

        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int k = 0; k < N; k++) {
                    for (int l = 0; l < N; l++) {
                        sum += inverse[i * N + k] * matrix[k * N + l] * inverse[j * N + l];
                    }
                }
                assertThat(sum).isCloseTo(i == j ? 1 : 0, within(1e-10));
                assertThat(j <= i || inverse[i * N + j] == 0).isTrue();
            }
        }
    }

    @Test
    void shouldRefuseWhatIsNotPositiveDefinite() {
        assertThat(CholeskyInverse.of(gram(N - 1, 0), N, 1e-10))
                .as("12 rows of 13")
                .isNull();
        assertThat(CholeskyInverse.of(new double[N * N], N, 1e-10)).isNull();
        // a column that is another one but for a part in 1e6: its square keeps a share of 1e-12
        assertThat(CholeskyInverse.of(gram(17, 1e-6), N, 1e-10)).isNull();
        assertThat(CholeskyInverse.of(gram(17, 1e-4), N, 1e-10)).isNotNull();
    }

    @Test
    void shouldNameWhatIsNoNumber() {
        double[] matrix = gram(17, 0);
        matrix[5 * N + 5] = Double.NaN;
        assertThatThrownBy(() -> CholeskyInverse.of(matrix, N, 1e-10))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("root of a matrix with a value of NaN");
    }

    /** Of random rows; where {@code apart} is above 0 the last column is the first, but for a part of that size. */
    private static double[] gram(int rows, double apart) {
        Random random = new Random(3);
        double[] gram = new double[N * N];
        for (int m = 0; m < rows; m++) {
            double[] row = random.doubles(N, -1, 1).toArray();
            if (apart > 0) {
                row[N - 1] = row[0] + apart * row[N - 1];
            }
            for (int i = 0; i < N; i++) {
                for (int j = 0; j < N; j++) {
                    gram[i * N + j] += row[i] * row[j];
                }
            }
        }
        return gram;
    }
}
