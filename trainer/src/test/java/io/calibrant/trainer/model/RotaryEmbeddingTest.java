package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class RotaryEmbeddingTest {
    private static final int B = 2;
    private static final int T = 5;
    private static final int HEADS = 3;
    private static final int E = 14;

    @Test
    void shouldTurnKeysAndGoBack() {
        check(false);
    }

    @Test
    void shouldTurnAndScaleQueriesAndGoBack() {
        check(true);
    }

    private static void check(boolean query) {
        try (GradientCheck c = new GradientCheck()) {
            ModelConfig config = ModelConfig.llama(new ModelSizes(11, 42, 1, HEADS, HEADS, E, 5, 64), false);
            RotaryEmbedding.Slice slice = new RotaryEmbedding(config, c.manager, DataType.FLOAT64).slice(T, c.manager);
            int size = B * T * HEADS * E;
            double[] x = c.numbers(size);
            double[] cotangents = c.numbers(GradientCheck.STACK * size);
            NDArray stacked = c.array(cotangents, GradientCheck.STACK * B, T, HEADS, E);
            UnaryOperator<NDArray> forward =
                    leaf -> query ? slice.queries(leaf, new Arithmetic(true)) : slice.keys(leaf, new Arithmetic(true));
            c.check(
                    x,
                    new long[] {B, T, HEADS, E},
                    cotangents,
                    forward,
                    values -> turned(values, HEADS, T, E, query ? 1 / Math.sqrt(E) : 1),
                    query ? slice.queriesBackward(stacked) : slice.keysBackward(stacked));
        }
    }

    /** Pairs (i, i + E / 2) of every head as complex numbers, times e^(i position frequency): x [B, T, heads, E]. */
    static double[] turned(double[] x, int heads, int tokens, int e, double scale) {
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            int pair = i % e % (e / 2);
            double angle = i / (heads * e) % tokens * Math.pow(10_000, -2.0 * pair / e);
            double first = x[i - i % e + pair];
            double second = x[i - i % e + pair + e / 2];
            y[i] = scale
                    * (i % e < e / 2
                            ? first * Math.cos(angle) - second * Math.sin(angle)
                            : second * Math.cos(angle) + first * Math.sin(angle));
        }
        return y;
    }
}
