package io.calibrant.fitter.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FrequentDirectionsTest {
    /** Random streams: any dimension, rank, batch sizes, spectra, with and without forgetting. */
    @Test
    void shouldNeverRemoveMoreThanDeltaInAnyDirection() {
        int shrunk = 0;
        for (int seed = 0; seed < 60; seed++) {
            Random random = new Random(seed);
            int rank = 1 + random.nextInt(6);
            int d = rank + 1 + random.nextInt(35);
            double forgetting = seed % 3 == 0 ? 0.8 : 1;
            LargeSide side = empty(d, rank);
            double[] exact = new double[d * d];
            for (int batch = 0; batch < 12; batch++) {
                int m = random.nextInt(9);
                double[] rows = rows(random, m, d);
                side = side.fold(Rows.of(rows), m, Naive.squaredNorm(rows), forgetting);
                exact = Naive.plus(Naive.times(forgetting, exact), Naive.outer(rows, m, d));
                shouldBeWithinItsBound(side, exact);
            }
            shrunk += side.delta() > 0 ? 1 : 0;
        }
        assertThat(shrunk).isGreaterThan(30); // else nothing was tested
    }

    @Test
    void shouldAddTheBoundsOfWhatIsMerged() {
        for (int seed = 0; seed < 20; seed++) {
            Random random = new Random(100 + seed);
            int d = 23;
            LargeSide[] shards = new LargeSide[3];
            double[] exact = new double[d * d];
            for (int shard = 0; shard < shards.length; shard++) {
                shards[shard] = empty(d, 4);
                for (int batch = 0; batch < 5; batch++) {
                    double[] rows = rows(random, 6, d);
                    shards[shard] = shards[shard].fold(Rows.of(rows), 6, Naive.squaredNorm(rows), 1);
                    exact = Naive.plus(exact, Naive.outer(rows, 6, d));
                }
            }
            LargeSide merged = Merged.of(Merged.of(shards[0], shards[1]), shards[2]);
            assertThat(merged.delta())
                    .isGreaterThanOrEqualTo(shards[0].delta() + shards[1].delta() + shards[2].delta());
            shouldBeWithinItsBound(merged, exact);
        }
    }

    @Test
    void shouldKeepASlowDirectionThatTruncationLosesForEver() {
        // given four strong directions at first, and a fifth that comes a little in every batch, beside noise in
        // all other directions
        int d = 61;
        int rank = 4;
        int planted = 7;
        LargeSide truncated = LargeSide.empty(d, rank);
        LargeSide frequent = empty(d, rank);
        double[] strong = new double[rank * d];
        for (int i = 0; i < rank; i++) {
            strong[i * d + i] = Math.sqrt(10);
        }
        truncated = truncated.fold(Rows.of(strong), rank, 40, 1);
        frequent = frequent.fold(Rows.of(strong), rank, 40, 1);
        for (int batch = 0; batch < 100; batch++) {
            double[] rows = Naive.times(0.05, Naive.random(batch, 6 * d));
            for (int i = 0; i < rows.length; i++) {
                if (i % d < rank || i % d == planted) {
                    rows[i] = 0;
                }
            }
            rows[planted] = 1;
            truncated = truncated.fold(Rows.of(rows), 6, Naive.squaredNorm(rows), 1);
            frequent = frequent.fold(Rows.of(rows), 6, Naive.squaredNorm(rows), 1);
        }

        // then it is the strongest of all in truth, and in one of the two
        assertThat(along(truncated, planted)).isLessThan(0.01);
        assertThat(along(frequent, planted)).isGreaterThan(50).isGreaterThanOrEqualTo(100 - frequent.delta() - 10);
        assertThat(frequent.pairs().vectors()[planted])
                .satisfiesAnyOf(
                        x -> assertThat(x).isGreaterThan(0.99),
                        x -> assertThat(x).isLessThan(-0.99));
        assertThat(truncated.delta()).isZero(); // which is no bound
    }

    @Test
    void shouldEqualTheExactSumUntilItsColumnsAreFull() {
        int d = 31;
        double[] rows = Naive.random(3, 10 * d);
        LargeSide side = empty(d, 5);
        for (int i = 0; i < 5; i++) {
            double[] two = Arrays.copyOfRange(rows, 2 * i * d, 2 * (i + 1) * d);
            side = side.fold(Rows.of(two), 2, Naive.squaredNorm(two), 1);
        }
        assertThat(side.delta()).isZero();
        assertThat(side.spectrum().values()).hasSize(10);
        assertThat(Naive.relative(sum(side), Naive.outer(rows, 10, d))).isLessThan(1e-12);
        assertThat(side.spectrum().capturedEnergy()).isCloseTo(1, within(1e-12));

        LargeSide full = side.fold(Rows.of(Naive.random(4, d)), 1, 9, 1);
        assertThat(full.delta()).isPositive();
        assertThat(full.spectrum().values().length).isLessThanOrEqualTo(5);
    }

    @Test
    void shouldRemoveNothingWhereTwiceTheRankReachesTheDimension() {
        int d = 9;
        LargeSide side = empty(d, 5);
        double[] exact = new double[d * d];
        for (int batch = 0; batch < 8; batch++) {
            double[] rows = Naive.random(batch, 7 * d);
            side = side.fold(Rows.of(rows), 7, Naive.squaredNorm(rows), 1);
            exact = Naive.plus(exact, Naive.outer(rows, 7, d));
        }
        assertThat(side).isInstanceOf(FrequentDirections.class);
        assertThat(side.delta()).isZero();
        assertThat(sum(side)).containsExactly(exact, within(1e-11));
        assertThat(empty(5, 5)).isInstanceOf(FullSum.class);
    }

    @Test
    void shouldKeepTheTraceInItsEigenvaluesAndTheResidual() {
        int d = 47;
        LargeSide side = empty(d, 3);
        for (int batch = 0; batch < 6; batch++) {
            double[] rows = Naive.random(batch, 5 * d);
            side = side.fold(Rows.of(rows), 5, Naive.squaredNorm(rows), 1);
        }
        Spectrum spectrum = side.spectrum();
        assertThat(spectrum.values()).isSortedAccordingTo((a, b) -> Double.compare(b, a));
        assertThat(spectrum.sum() + spectrum.residual() * spectrum.multiplicity())
                .isCloseTo(side.trace(), within(1e-12 * side.trace()));
        double[] u = side.pairs().vectors();
        int k = u.length / d;
        double[] gram = Panels.of(Rows.none(), 1, Rows.of(u), d).gram();
        for (int i = 0; i < k * k; i++) {
            assertThat(gram[i]).isCloseTo(i / k == i % k ? 1 : 0, within(1e-11));
        }
    }

    @Test
    void shouldTakeNoRowsAndForgetItsBound() {
        LargeSide side = empty(13, 2).fold(Rows.of(Naive.random(1, 7 * 13)), 7, 40, 1);
        LargeSide later = side.fold(Rows.of(new double[0]), 0, 0, 0.5);
        assertThat(side.delta()).isPositive();
        assertThat(later.delta()).isEqualTo(side.delta() / 2);
        assertThat(later.trace()).isEqualTo(20);
        assertThat(sum(later)).containsExactly(Naive.times(0.5, sum(side)), within(1e-12));
    }

    @Test
    void shouldGiveTheSameBitsForTheSameRowsAndLeaveItsArgumentsAlone() {
        double[] rows = Naive.random(6, 9 * 41);
        double[] before = rows.clone();
        FrequentDirections first = (FrequentDirections) empty(41, 3).fold(Rows.of(rows), 9, 1, 1);
        double[] state = first.columns().clone();
        double[] second = first.fold(Rows.of(rows), 9, 1, 0.5).columns();
        assertThat(first.fold(Rows.of(before), 9, 1, 0.5).columns()).containsExactly(second);
        assertThat(rows).containsExactly(before);
        assertThat(first.columns()).containsExactly(state);
    }

    @Test
    void shouldNameWhatDoesNotFit() {
        assertThatThrownBy(() -> new FrequentDirections(5, 2, Rows.of(new double[25]), 1, 0))
                .hasMessageContaining("at most 4 columns");
        assertThatThrownBy(() -> new FrequentDirections(5, 2, Rows.of(new double[5]), 1, -1))
                .hasMessageContaining("delta -1");
    }

    private static void shouldBeWithinItsBound(LargeSide side, double[] exact) {
        int d = side.dimension();
        double[] difference = SymmetricEigen.values(Naive.plus(exact, Naive.times(-1, sum(side))), d);
        double rounding = 1e-11 * (1 + side.trace());
        assertThat(difference[d - 1]).isGreaterThanOrEqualTo(-rounding);
        assertThat(difference[0]).isLessThanOrEqualTo(side.delta() + rounding);
    }

    /** u^T L L^T u for the unit vector u of an axis. */
    private static double along(LargeSide side, int axis) {
        return sum(side)[axis * side.dimension() + axis];
    }

    private static double[] sum(LargeSide side) {
        double[] columns = side instanceof Columns of ? of.columns() : ((FrequentDirections) side).columns();
        return Naive.outer(columns, columns.length / side.dimension(), side.dimension());
    }

    private static LargeSide empty(int d, int rank) {
        return LargeSide.empty(d, rank, Compression.FREQUENT_DIRECTIONS);
    }

    /** Rows whose directions fall off by a random power. */
    private static double[] rows(Random random, int m, int d) {
        double power = 2 * random.nextDouble();
        double[] rows = new double[m * d];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = random.nextGaussian() * Math.pow(1.0 + i % d, -power);
        }
        return rows;
    }
}
