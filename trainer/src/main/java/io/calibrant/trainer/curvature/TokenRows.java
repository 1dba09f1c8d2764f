package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.model.TokenBatch;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Turns per-token arrays [N, D] of a padded batch, padding included, into the rows of one K-FAC convention. Padding
 * enters no row. Results belong to the manager of the array given.
 */
final class TokenRows {
    private final KfacApproximation kfac;
    private final int tokens;
    private final long[][] rowsOf;
    private final boolean padded;

    /**
     * Rows of a batch.
     *
     * @param tokens T
     * @param rowsOf per example the row numbers b T + t of its real tokens, ascending, at least one: [B][real tokens]
     */
    TokenRows(KfacApproximation kfac, int tokens, long[][] rowsOf) {
        this.kfac = kfac;
        this.tokens = tokens;
        this.rowsOf = rowsOf;
        padded = Arrays.stream(rowsOf).anyMatch(rows -> rows.length < tokens);
    }

    /** Rows of a linear that sees every token of a batch. */
    TokenRows(KfacApproximation kfac, TokenBatch batch) {
        this(
                kfac,
                batch.tokens(),
                IntStream.range(0, batch.size())
                        .mapToObj(b -> IntStream.range(0, batch.tokens())
                                .filter(t -> batch.isReal(b, t))
                                .mapToLong(t -> (long) b * batch.tokens() + t)
                                .toArray())
                        .toArray(long[][]::new));
    }

    /** Rows of a linear that is evaluated at the last real token only: one an example under every convention. */
    static TokenRows oneEach(int examples) {
        return new TokenRows(
                KfacApproximation.LAST,
                1,
                IntStream.range(0, examples).mapToObj(b -> new long[] {b}).toArray(long[][]::new));
    }

    /** n, the row instances that enter both sums. */
    int count() {
        return kfac == KfacApproximation.EXPAND
                ? Arrays.stream(rowsOf).mapToInt(rows -> rows.length).sum()
                : rowsOf.length;
    }

    /**
     * Rows of a block's input.
     *
     * @param inputs [N, D]
     * @return [n, D]; under REDUCE the mean over real tokens
     */
    NDArray inputs(NDArray inputs) {
        boolean[] everyone = new boolean[rowsOf.length];
        Arrays.fill(everyone, true);
        return select(inputs, new boolean[][] {everyone}, true);
    }

    /**
     * Rows of a block's output gradient, of S cotangents one after the other.
     *
     * @param gradients [S N, D]
     * @param active the examples that took part in each: [S][B]
     * @return [rows of the active examples, D]; under REDUCE the sum over real tokens
     */
    NDArray gradients(NDArray gradients, boolean[]... active) {
        return select(gradients, active, false);
    }

    private NDArray select(NDArray array, boolean[][] active, boolean mean) {
        long[][] chosen = IntStream.range(0, active.length * rowsOf.length)
                .filter(i -> active[i / rowsOf.length][i % rowsOf.length])
                .mapToObj(i -> {
                    long first = (long) (i / rowsOf.length) * rowsOf.length * tokens;
                    return Arrays.stream(rowsOf[i % rowsOf.length])
                            .map(row -> first + row)
                            .toArray();
                })
                .toArray(long[][]::new);
        boolean all = !padded && chosen.length == active.length * rowsOf.length;
        return switch (kfac) {
            case EXPAND -> all ? array : rows(array, Arrays.stream(chosen).flatMapToLong(Arrays::stream));
            case LAST -> rows(array, Arrays.stream(chosen).mapToLong(rows -> rows[rows.length - 1]));
            case REDUCE -> weighted(array, chosen, mean);
        };
    }

    private static NDArray rows(NDArray array, LongStream numbers) {
        return array.get(array.getManager().create(numbers.toArray()));
    }

    /** Sum or mean over the real tokens, as one product with [B, N]. */
    private static NDArray weighted(NDArray array, long[][] rowsOf, boolean mean) {
        int all = Math.toIntExact(array.getShape().get(0));
        float[] weights = new float[rowsOf.length * all];
        for (int b = 0; b < rowsOf.length; b++) {
            for (long row : rowsOf[b]) {
                weights[b * all + (int) row] = mean ? 1f / rowsOf[b].length : 1f;
            }
        }
        return array.getManager().create(weights, new Shape(rowsOf.length, all)).matMul(array);
    }
}
