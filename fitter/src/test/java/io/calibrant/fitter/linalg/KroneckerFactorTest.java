package io.calibrant.fitter.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class KroneckerFactorTest {
    private static final int D = 23;
    private static final int R = 5;

    @Test
    void shouldGiveTheSameFactorsForEveryBatchSizeWithPartialLastBatch() {
        int tokens = 13;
        double[] x = Naive.random(1, tokens * D);
        double[] g = Naive.random(2, tokens * R);
        List<KroneckerFactor> all = new ArrayList<>();
        for (int size = 1; size <= tokens; size++) {
            KroneckerFactor factor = KroneckerFactor.empty(D, R, 14, Compression.TRUNCATE);
            for (int from = 0; from < tokens; from += size) {
                factor = factor.fold(batch(x, g, from, Math.min(tokens, from + size)), 1);
            }
            all.add(factor);
        }
        for (KroneckerFactor factor : all) {
            assertThat(large(factor)).containsExactly(Naive.outer(x, tokens, D), within(1e-11));
            assertThat(factor.small()).containsExactly(Naive.outer(g, tokens, R), within(1e-11));
            assertThat(factor.n()).isEqualTo(tokens);
            assertThat(factor.examples()).isEqualTo(tokens);
            assertThat(factor.logLikelihood()).isCloseTo(-0.5 * tokens, within(1e-12));
        }
    }

    @Test
    void shouldDoubleFWhenEveryRowComesTwiceWhateverTheRank() {
        double[] x = Naive.random(3, 7 * D);
        double[] g = Naive.random(4, 7 * R);
        for (Integer rank : Arrays.asList(3, 9, null)) {
            KroneckerFactor once =
                    KroneckerFactor.empty(D, R, rank, Compression.TRUNCATE).fold(batch(x, g, 0, 7), 1);
            KroneckerFactor twice = once.fold(batch(x, g, 0, 7), 1);

            assertThat(twice.n()).isEqualTo(2 * once.n());
            double w = once.large().spectrum().values()[0];
            double s = once.smallSpectrum()[0];
            double mu = w * s / once.n();
            double muTwice = twice.large().spectrum().values()[0] * twice.smallSpectrum()[0] / twice.n();
            if (rank == null || rank == 9) {
                assertThat(muTwice).isCloseTo(2 * mu, within(1e-10 * mu));
            } else {
                assertThat(muTwice).isCloseTo(2 * mu, within(0.2 * mu)); // truncated: close, never half or square
            }
            assertThat(twice.large().trace()).isEqualTo(2 * once.large().trace());
        }
    }

    @Test
    void shouldEqualTheExactFisherBlockForOneTokenOfOneExample() {
        double[] a = Naive.random(5, D);
        double[] g = Naive.random(6, R);
        KroneckerFactor factor =
                KroneckerFactor.empty(D, R, 10, Compression.TRUNCATE).fold(batch(a, g, 0, 1), 1);
        for (int i = 0; i < R * D; i++) {
            for (int j = 0; j < R * D; j++) {
                double exact = g[i / D] * a[i % D] * g[j / D] * a[j % D];
                double kronecker = factor.small()[i / D * R + j / D] * large(factor)[i % D * D + j % D] / factor.n();
                assertThat(kronecker).isCloseTo(exact, within(1e-13));
            }
        }
    }

    @Test
    void shouldForgetEverythingThatAddsUp() {
        double[] x = Naive.random(7, 4 * D);
        double[] g = Naive.random(8, 4 * R);
        KroneckerFactor factor = KroneckerFactor.empty(D, R, 10, Compression.TRUNCATE)
                .fold(batch(x, g, 0, 2), 1)
                .fold(batch(x, g, 2, 4), 0.5);
        assertThat(factor.n()).isEqualTo(3);
        assertThat(factor.examples()).isEqualTo(3);
        assertThat(factor.logLikelihood()).isEqualTo(-1.5);
        assertThat(factor.small())
                .containsExactly(
                        Naive.plus(
                                Naive.times(0.5, Naive.outer(Arrays.copyOf(g, 2 * R), 2, R)),
                                Naive.outer(Arrays.copyOfRange(g, 2 * R, 4 * R), 2, R)),
                        within(1e-13));
    }

    @Test
    void shouldMergeThePartsOfAPass() {
        double[] x = Naive.random(9, 6 * D);
        double[] g = Naive.random(10, 6 * R);
        KroneckerFactor whole =
                KroneckerFactor.empty(D, R, 10, Compression.TRUNCATE).fold(batch(x, g, 0, 6), 1);
        KroneckerFactor merged = Merged.of(
                KroneckerFactor.empty(D, R, 10, Compression.TRUNCATE).fold(batch(x, g, 0, 2), 1),
                KroneckerFactor.empty(D, R, 10, Compression.TRUNCATE).fold(batch(x, g, 2, 6), 1));
        assertThat(large(merged)).containsExactly(large(whole), within(1e-12));
        assertThat(merged.small()).containsExactly(whole.small(), within(1e-12));
        assertThat(merged.n()).isEqualTo(6);
        assertThat(merged.logLikelihood()).isEqualTo(-3);
    }

    @Test
    void shouldTakeTheSmallSideAsItIsAndRefuseAnIndefiniteOne() {
        double[] g = Naive.random(11, 3 * R);
        double[] small = Naive.outer(g, 3, R);
        double[] before = small.clone();
        KroneckerFactor factor = KroneckerFactor.empty(D, R, 10, Compression.TRUNCATE)
                .fold(new BatchSums(Rows.of(new double[D]), 1, 0, small, 3, 1, 0), 1);

        assertThat(Arrays.stream(factor.smallSpectrum()).sum()).isCloseTo(Naive.squaredNorm(g), within(1e-12));
        assertThat(small).containsExactly(before);
        assertThatThrownBy(() -> KroneckerFactor.smallSpectrum(new double[] {1, 2, 2, 1}, 2))
                .isInstanceOf(ArithmeticException.class);
        assertThatThrownBy(() -> factor.fold(new BatchSums(Rows.of(new double[D]), 1, 0, new double[9], 1, 1, 0), 1))
                .hasMessageContaining("dimension 5")
                .hasMessageContaining("found 9");
    }

    private static double[] large(KroneckerFactor factor) {
        return factor.large() instanceof Columns columns
                ? Naive.outer(columns.columns(), columns.count(), D)
                : ((FullSum) factor.large()).sum();
    }

    private static BatchSums batch(double[] x, double[] g, int from, int to) {
        int m = to - from;
        double[] rows = Arrays.copyOfRange(x, from * D, to * D);
        double[] small = Naive.outer(Arrays.copyOfRange(g, from * R, to * R), m, R);
        return new BatchSums(Rows.of(rows), m, Naive.squaredNorm(rows), small, m, m, -0.5 * m);
    }
}
