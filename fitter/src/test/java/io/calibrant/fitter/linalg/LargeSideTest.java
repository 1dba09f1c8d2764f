package io.calibrant.fitter.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LargeSideTest {

    @ParameterizedTest
    @CsvSource({
        "61, 10, 7, 5",
        "61, 10, 23, 4",
        "31, 10, 97, 3",
        "13, 3, 13, 2",
        "2, 1, 5, 4",
        "7, 5, 1, 9",
        "127, 10, 20, 6"
    })
    void shouldEqualTheTruncatedSvdOfEachStep(int d, int rank, int m, int batches) {
        LargeSide side = LargeSide.empty(d, rank);
        double[] naive = new double[0];
        double trace = 0;
        for (int b = 0; b < batches; b++) {
            double[] rows = Naive.random(100 + b, m * d);
            trace += Naive.squaredNorm(rows);
            side = side.fold(Rows.of(rows), m, Naive.squaredNorm(rows), 1);
            double[] stacked = Naive.concat(naive, rows);
            naive = Naive.truncatedSvd(stacked, stacked.length / d, d, rank);
        }

        double[] found = ((Columns) side).columns();
        assertThat(Naive.relative(sum(found, d), sum(naive, d))).isLessThan(1e-10);
        assertThat(side.trace()).isCloseTo(trace, within(1e-12 * trace));
        Spectrum spectrum = side.spectrum();
        assertThat(spectrum.capturedEnergy()).isCloseTo(spectrum.sum() / trace, within(1e-12));
        assertThat(spectrum.residual())
                .isCloseTo((trace - spectrum.sum()) / (d - spectrum.values().length), within(1e-12 * trace));
    }

    @Test
    void shouldCarryItsOwnSpectrumInOrthogonalColumns() {
        int d = 53;
        Columns side = (Columns) LargeSide.empty(d, 6).fold(Rows.of(Naive.random(1, 19 * d)), 19, 1e4, 1);
        double[] u = side.pairs().vectors();
        double[] w = side.spectrum().values();

        assertThat(Panels.of(Rows.none(), 1, Rows.of(u), d).gram()).containsExactly(identity(6), within(1e-12));
        for (int i = 0; i < 6; i++) {
            double[] column = Arrays.copyOfRange(side.columns(), i * d, (i + 1) * d);
            assertThat(Naive.squaredNorm(column)).isCloseTo(w[i], within(1e-12 * w[0]));
            assertThat(i == 0 || w[i] <= w[i - 1]).isTrue();
        }
    }

    /** The second line is one whose d x d side is the smaller one. */
    @ParameterizedTest
    @CsvSource({"1031, 5, 9", "12, 5, 9"})
    void shouldRoundOnceWhatIsFoldedInSinglePrecision(int d, int rank, int m) {
        double[] first = Naive.random(3, m * d);
        double[] rows = Naive.random(4, m * d);
        Columns wide = (Columns) LargeSide.empty(d, rank).fold(Rows.of(first), m, Naive.squaredNorm(first), 1);
        Columns narrow = new Columns(d, rank, Rows.narrowed(wide.columns()), wide.trace());
        Columns same = new Columns(d, rank, Rows.of(narrow.columns()), wide.trace());

        Columns folded = narrow.fold(Rows.of(rows), m, Naive.squaredNorm(rows), 0.9);
        Columns expected = same.fold(Rows.of(rows), m, Naive.squaredNorm(rows), 0.9);
        assertThat(folded.stored().floats())
                .isEqualTo(Rows.narrowed(expected.columns()).floats());
        assertThat(folded.spectrum().values())
                .containsExactly(expected.spectrum().values());
        assertThat(folded.trace()).isEqualTo(expected.trace());
    }

    @Test
    void shouldTruncateNothingWhileRowsAreNoMoreThanTheRank() {
        int d = 29;
        double[] rows = Naive.random(9, 7 * d);
        LargeSide side = LargeSide.empty(d, 7).fold(Rows.of(rows), 7, Naive.squaredNorm(rows), 1);

        assertThat(Naive.relative(sum(((Columns) side).columns(), d), Naive.outer(rows, 7, d)))
                .isLessThan(1e-12);
        assertThat(side.spectrum().capturedEnergy()).isCloseTo(1, within(1e-12));
        assertThat(side.spectrum().residual()).isCloseTo(0, within(1e-12));
    }

    @Test
    void shouldDropDirectionsThatAreOnlyRounding() {
        int d = 31;
        double[] row = Naive.random(3, d);
        double[] rows = Naive.concat(Naive.concat(row, Naive.times(-2, row)), new double[d]);
        Columns side = (Columns) LargeSide.empty(d, 5).fold(Rows.of(rows), 3, Naive.squaredNorm(rows), 1);

        assertThat(side.count()).isEqualTo(1);
        assertThat(side.spectrum().values()[0]).isCloseTo(5 * Naive.squaredNorm(row), within(1e-12));
        assertThat(side.spectrum().residual()).isCloseTo(0, within(1e-13));
    }

    @Test
    void shouldTakeNoRowsAndZeroRows() {
        int d = 11;
        LargeSide empty = LargeSide.empty(d, 3);
        assertThat(empty.spectrum().values()).isEmpty();
        assertThat(empty.spectrum().residual()).isZero();
        assertThat(empty.spectrum().capturedEnergy()).isEqualTo(1);
        assertThat(empty.fold(Rows.of(new double[0]), 0, 0, 1).spectrum().values())
                .isEmpty();
        assertThat(empty.fold(Rows.of(new double[4 * d]), 4, 0, 1).spectrum().values())
                .isEmpty();

        LargeSide some = empty.fold(Rows.of(Naive.random(2, d)), 1, 5, 1);
        LargeSide same = some.fold(Rows.of(new double[0]), 0, 2, 1);
        assertThat(((Columns) same).columns()).containsExactly(((Columns) some).columns());
        assertThat(same.trace()).isEqualTo(7);
        assertThat(same.spectrum().multiplicity()).isEqualTo(10);
    }

    @Test
    void shouldKeepAllOfASideNoWiderThanTheRank() {
        int d = 10;
        double[] a = Naive.random(4, 17 * d);
        double[] b = Naive.random(5, 3 * d);
        double[] expected = Naive.plus(Naive.outer(a, 17, d), Naive.outer(b, 3, d));
        for (Integer rank : Arrays.asList(10, 11, null)) {
            LargeSide side = LargeSide.empty(d, rank)
                    .fold(Rows.of(a), 17, Naive.squaredNorm(a), 1)
                    .fold(Rows.of(b), 3, Naive.squaredNorm(b), 1);
            assertThat(Naive.relative(((FullSum) side).sum(), expected)).isLessThan(1e-14);
            assertThat(side.spectrum().values()).hasSize(d);
            assertThat(side.spectrum().residual()).isZero();
            assertThat(side.spectrum().sum()).isCloseTo(side.trace(), within(1e-12 * side.trace()));
            assertThat(sumOfPairs(side, d)).containsExactly(expected, within(1e-11));
        }
        assertThat(LargeSide.empty(d, 9)).isInstanceOf(Columns.class);
    }

    @Test
    void shouldMeetTheFullSumAsTheRankReachesTheDimension() {
        int d = 13;
        LargeSide columns = new Columns(d, d, Rows.none(), 0);
        LargeSide full = LargeSide.empty(d, d);
        for (int b = 0; b < 5; b++) {
            double[] rows = Naive.random(b, 4 * d);
            columns = columns.fold(Rows.of(rows), 4, Naive.squaredNorm(rows), 1);
            full = full.fold(Rows.of(rows), 4, Naive.squaredNorm(rows), 1);
        }
        assertThat(sum(((Columns) columns).columns(), d)).containsExactly(((FullSum) full).sum(), within(1e-11));
        assertThat(columns.spectrum().values()).containsExactly(full.spectrum().values(), within(1e-11));
        assertThat(columns.spectrum().residual()).isZero();
    }

    @Test
    void shouldNotDependOnTheOrderOrTheSplitOfRowsWhileNothingIsTruncated() {
        int d = 47;
        double[] rows = Naive.random(8, 12 * d);
        double[] backwards = new double[rows.length];
        for (int i = 0; i < 12; i++) {
            System.arraycopy(rows, i * d, backwards, (11 - i) * d, d);
        }
        LargeSide once = LargeSide.empty(d, 12).fold(Rows.of(rows), 12, 1, 1);
        LargeSide permuted = LargeSide.empty(d, 12).fold(Rows.of(backwards), 12, 1, 1);
        LargeSide split = LargeSide.empty(d, 12)
                .fold(Rows.of(Arrays.copyOf(rows, 5 * d)), 5, 1, 1)
                .fold(Rows.of(Arrays.copyOfRange(rows, 5 * d, 12 * d)), 7, 1, 1);

        double[] expected = Naive.outer(rows, 12, d);
        for (LargeSide side : new LargeSide[] {once, permuted, split}) {
            assertThat(Naive.relative(sum(((Columns) side).columns(), d), expected))
                    .isLessThan(1e-12);
        }
    }

    @Test
    void shouldForgetBeforeAdding() {
        int d = 17;
        double[] a = Naive.random(1, 3 * d);
        double[] b = Naive.random(2, 2 * d);
        double[] expected = Naive.plus(Naive.times(0.75, Naive.outer(a, 3, d)), Naive.outer(b, 2, d));

        Columns columns =
                (Columns) LargeSide.empty(d, 8).fold(Rows.of(a), 3, 10, 1).fold(Rows.of(b), 2, 4, 0.75);
        FullSum full =
                (FullSum) LargeSide.empty(d, null).fold(Rows.of(a), 3, 10, 1).fold(Rows.of(b), 2, 4, 0.75);

        assertThat(sum(columns.columns(), d)).containsExactly(expected, within(1e-12));
        assertThat(full.sum()).containsExactly(expected, within(1e-12));
        assertThat(columns.trace()).isEqualTo(11.5);
        assertThat(full.trace()).isEqualTo(11.5);
    }

    @Test
    void shouldMergeLikeOneStream() {
        int d = 37;
        double[] a = Naive.random(1, 4 * d);
        double[] b = Naive.random(2, 5 * d);
        for (Integer rank : Arrays.asList(9, null)) {
            LargeSide left = LargeSide.empty(d, rank).fold(Rows.of(a), 4, 3, 1);
            LargeSide right = LargeSide.empty(d, rank).fold(Rows.of(b), 5, 2, 1);
            LargeSide stream = left.fold(Rows.of(b), 5, 2, 1);
            assertThat(sumOfPairs(Merged.of(left, right), d)).containsExactly(sumOfPairs(stream, d), within(1e-11));
            assertThat(Merged.of(left, right).trace()).isEqualTo(5);
        }
    }

    @Test
    void shouldGiveTheSameBitsForTheSameRowsAndLeaveItsArgumentsAlone() {
        int d = 71;
        double[] rows = Naive.random(6, 23 * d);
        double[] before = rows.clone();
        Columns first = (Columns) LargeSide.empty(d, 10).fold(Rows.of(rows), 23, 1, 1);
        double[] state = first.columns().clone();
        Columns second = first.fold(Rows.of(rows), 23, 1, 0.5);
        Arrays.fill(rows, 0, d, 7); // a caller that reuses its buffer
        Columns again = first.fold(Rows.of(before), 23, 1, 0.5);

        assertThat(again.columns()).containsExactly(second.columns());
        assertThat(first.columns()).containsExactly(state);
    }

    @Test
    void shouldNameBothDimensionsOfWhatDoesNotFit() {
        LargeSide side = LargeSide.empty(5, 2);
        assertThatThrownBy(() -> side.fold(Rows.of(new double[9]), 2, 1, 1))
                .hasMessageContaining("2 rows of 5")
                .hasMessageContaining("found 9");
        assertThatThrownBy(() -> side.fold(Rows.of(new double[10]), 2, 1, 0)).hasMessageContaining("(0, 1]");
        assertThatThrownBy(() -> side.fold(Rows.of(new double[10]), 2, Double.NaN, 1))
                .hasMessageContaining("NaN");
    }

    @Test
    void shouldTakeNothingFromAnEarlierFoldOfTheSameThread() throws Exception {
        LargeSide other = LargeSide.empty(211, 9).fold(Rows.of(Naive.random(7, 40 * 211)), 40, 1e5, 1);
        LargeSide mine = LargeSide.empty(31, 4).fold(Rows.of(Naive.random(8, 9 * 31)), 9, 1e4, 1);
        double[] rows = Naive.random(9, 5 * 31);
        double[] fresh = CompletableFuture.supplyAsync(
                        () -> ((Columns) mine.fold(Rows.of(rows), 5, 1e4, 0.5)).columns(),
                        task -> new Thread(task).start())
                .get();

        double[] after = ((Columns) mine.fold(Rows.of(rows), 5, 1e4, 0.5)).columns();
        double[] kept = after.clone();
        other.fold(Rows.of(Naive.random(10, 3 * 211)), 3, 1e4, 1);

        assertThat(after).containsExactly(fresh).containsExactly(kept);
    }

    /** L L^T. */
    private static double[] sum(double[] columns, int d) {
        return Naive.outer(columns, columns.length / d, d);
    }

    private static double[] sumOfPairs(LargeSide side, int d) {
        double[] values = side.pairs().values();
        double[] u = side.pairs().vectors();
        double[] columns = new double[u.length];
        for (int i = 0; i < u.length; i++) {
            columns[i] = u[i] * Math.sqrt(values[i / d]);
        }
        return sum(columns, d);
    }

    private static double[] identity(int n) {
        double[] one = new double[n * n];
        for (int i = 0; i < n; i++) {
            one[i * n + i] = 1;
        }
        return one;
    }
}
