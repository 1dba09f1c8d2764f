package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.TestDevice;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TokenRowsTest {
    private static final boolean[] BOTH = {true, true};
    private static final boolean[] SECOND = {false, true};
    private static final long[][] LEFT_PADDED = {{0, 1, 2}, {5}};
    private final NDManager manager = NDManager.newBaseManager(TestDevice.get());

    @AfterEach
    void close() {
        manager.close();
    }

    /** Two examples of 3 and 1 real tokens, T = 3, D = 2; what stands at padding must never be seen. */
    private NDArray batch(float padding) {
        return manager.create(
                new float[] {1, 2, 3, 4, 5, 9, padding, padding, padding, padding, 7, 8}, new Shape(6, 2));
    }

    @Test
    void shouldTakeEveryRealTokenUnderExpand() {
        TokenRows rows = new TokenRows(KfacApproximation.EXPAND, 3, LEFT_PADDED);
        NDArray batch = batch(Float.NaN);

        assertThat(rows.count()).isEqualTo(4);
        assertThat(rows.inputs(batch).toFloatArray()).containsExactly(1, 2, 3, 4, 5, 9, 7, 8);
        assertThat(rows.gradients(batch, BOTH).toFloatArray()).containsExactly(1, 2, 3, 4, 5, 9, 7, 8);
        assertThat(rows.gradients(batch, SECOND).toFloatArray()).containsExactly(7, 8);
    }

    @Test
    void shouldTakeTheLastTokenUnderLast() {
        TokenRows rows = new TokenRows(KfacApproximation.LAST, 3, LEFT_PADDED);
        NDArray batch = batch(Float.NaN);

        assertThat(rows.count()).isEqualTo(2);
        assertThat(rows.inputs(batch).toFloatArray()).containsExactly(5, 9, 7, 8);
        assertThat(rows.gradients(batch, BOTH).toFloatArray()).containsExactly(5, 9, 7, 8);
        assertThat(rows.gradients(batch, SECOND).toFloatArray()).containsExactly(7, 8);
    }

    @Test
    void shouldAverageInputsAndSumGradientsUnderReduce() {
        TokenRows rows = new TokenRows(KfacApproximation.REDUCE, 3, LEFT_PADDED);
        NDArray batch = batch(50);

        assertThat(rows.count()).isEqualTo(2);
        assertThat(rows.inputs(batch).toFloatArray()).containsExactly(3, 5, 7, 8);
        assertThat(rows.gradients(batch, BOTH).toFloatArray()).containsExactly(9, 15, 7, 8);
        assertThat(rows.gradients(batch, SECOND).toFloatArray()).containsExactly(7, 8);
    }

    @Test
    void shouldFindTheLastRealTokenBeforePaddingOnTheRight() {
        TokenRows rows = new TokenRows(KfacApproximation.LAST, 3, new long[][] {{0, 1, 2}, {3}});

        assertThat(rows.inputs(manager.create(new float[] {1, 2, 3, 7, 50, 50}, new Shape(6, 1)))
                        .toFloatArray())
                .containsExactly(3, 7);
    }

    @Test
    void shouldTakeOneRowAnExampleWhereThereIsOnlyTheLastToken() {
        TokenRows rows = TokenRows.oneEach(2);
        NDArray last = manager.create(new float[] {5, 9, 7, 8}, new Shape(2, 2));

        assertThat(rows.count()).isEqualTo(2);
        assertThat(rows.inputs(last).toFloatArray()).containsExactly(5, 9, 7, 8);
        assertThat(rows.gradients(last, SECOND).toFloatArray()).containsExactly(7, 8);
    }

    @Test
    void shouldTakeTheActiveExamplesOfEachCotangentOfAStack() {
        NDArray stack = manager.create(
                new float[] {1, 2, 3, -9, -9, 4, 5, 6, 7, -9, -9, 8}, new Shape(12, 1)); // S = 2, B = 2, T = 3
        TokenRows expand = new TokenRows(KfacApproximation.EXPAND, 3, LEFT_PADDED);
        TokenRows last = new TokenRows(KfacApproximation.LAST, 3, LEFT_PADDED);

        assertThat(expand.gradients(stack, BOTH, SECOND).toFloatArray()).containsExactly(1, 2, 3, 4, 8);
        assertThat(last.gradients(stack, BOTH, BOTH).toFloatArray()).containsExactly(3, 4, 7, 8);
    }

    @Test
    void shouldTakeAllRowsAsTheyAreWhereNothingIsPadding() {
        TokenRows rows = new TokenRows(KfacApproximation.EXPAND, 2, new long[][] {{0, 1}, {2, 3}});
        NDArray batch = manager.create(new float[] {1, 2, 3, 4}, new Shape(4, 1));

        assertThat(rows.inputs(batch)).isSameAs(batch);
        assertThat(rows.gradients(batch, SECOND).toFloatArray()).containsExactly(3, 4);
    }
}
