package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class RotaryEmbeddingTest {
    private static final int T = 5;
    private static final int HEADS = 2;
    private static final int E = 8;
    private static final List<long[]> SEQUENCES = List.of(new long[] {1, 2, 3, 4, 5}, new long[] {6, 7, 8});
    private static final int B = SEQUENCES.size();
    private static final RotarySettings PLAIN = RotarySettings.plain(10_000);

    /** What a number of a head at a position of a sequence of some length becomes. */
    private record Twin(RotarySettings settings, double scale) {
        double[] apply(double[] x) {
            double[] y = new double[x.length];
            int w = settings.width(E);
            for (int i = 0; i < x.length; i++) {
                int b = i / (HEADS * E * T);
                boolean counted = settings.scaling().amplitude() != 1
                        || settings.queries().isPresent();
                int first = counted ? T - SEQUENCES.get(b).length : 0;
                int position = Math.max(0, i / (HEADS * E) % T - first);
                double query = settings.queries().isEmpty() || scale == 1
                        ? scale
                        : scale * (1 + 0.5 * Math.log(1 + Math.floor(position / 2.0)));
                y[i] = query * x[i];
                if (i % E < w) {
                    int pair = i % E % (w / 2);
                    double angle = position * frequency(pair, w, T - first);
                    double one = x[i - i % E + pair];
                    double other = x[i - i % E + pair + w / 2];
                    y[i] = query
                            * settings.scaling().amplitude()
                            * (i % E < w / 2
                                    ? one * Math.cos(angle) - other * Math.sin(angle)
                                    : other * Math.cos(angle) + one * Math.sin(angle));
                }
            }
            return y;
        }

        private double frequency(int pair, int w, int length) {
            double plain = Math.pow(10_000, -2.0 * pair / w);
            return settings.scaling() instanceof RopeScaling.LongRope ? plain / (length > 4 ? 3 : 2) : plain;
        }
    }

    @Test
    void shouldTurnKeysAndGoBack() {
        check(PLAIN, false);
    }

    @Test
    void shouldTurnAndScaleQueriesAndGoBack() {
        check(PLAIN, true);
    }

    @Test
    void shouldLeaveThePartOfAHeadThatIsNotTurned() {
        RotarySettings partial = new RotarySettings(10_000, 0.6, RopeScaling.none(), Optional.empty());
        assertThat(partial.width(E)).isEqualTo(4);
        check(partial, false);
        check(partial, true);
    }

    @Test
    void shouldGiveEverySequenceTheFrequenciesOfItsLength() {
        RopeScaling scaling = new RopeScaling.LongRope(List.of(2.0, 2.0), List.of(3.0, 3.0), 4, 1.25);
        RotarySettings rotary = new RotarySettings(10_000, 0.6, scaling, Optional.empty());
        check(rotary, false);
        check(rotary, true);
    }

    @Test
    void shouldGrowQueriesByPositionsThatPaddingDoesNotShift() {
        RotarySettings rotary =
                new RotarySettings(10_000, 1, RopeScaling.none(), Optional.of(new PositionScale(0.5, 2)));
        check(rotary, false);
        check(rotary, true);
    }

    @Test
    void shouldOnlyScaleWherePositionsAreNotLookedAt() {
        try (GradientCheck c = new GradientCheck()) {
            double[] x = c.numbers(B * T * HEADS * E);
            double[] cotangents = c.numbers(GradientCheck.STACK * x.length);
            RotaryEmbedding.Slice slice = new RotaryEmbedding(Optional.empty(), E, 0.3, c.manager, DataType.FLOAT64)
                    .slice(TokenBatch.leftPadded(SEQUENCES, 0), c.manager);
            NDArray stacked = c.array(cotangents, (long) GradientCheck.STACK * B, T, HEADS, E);
            assertThat(slice.keysBackward(stacked)).isSameAs(stacked);
            c.check(
                    x,
                    new long[] {B, T, HEADS, E},
                    cotangents,
                    leaf -> slice.queries(leaf, new Arithmetic(true)),
                    values -> {
                        double[] y = values.clone();
                        for (int i = 0; i < y.length; i++) {
                            y[i] *= 0.3;
                        }
                        return y;
                    },
                    slice.queriesBackward(stacked));
        }
    }

    private static void check(RotarySettings rotary, boolean query) {
        try (GradientCheck c = new GradientCheck()) {
            RotaryEmbedding.Slice slice = new RotaryEmbedding(
                            Optional.of(rotary), E, 1 / Math.sqrt(E), c.manager, DataType.FLOAT64)
                    .slice(TokenBatch.leftPadded(SEQUENCES, 0), c.manager);
            int size = B * T * HEADS * E;
            double[] x = c.numbers(size);
            double[] cotangents = c.numbers(GradientCheck.STACK * size);
            NDArray stacked = c.array(cotangents, (long) GradientCheck.STACK * B, T, HEADS, E);
            UnaryOperator<NDArray> forward =
                    leaf -> query ? slice.queries(leaf, new Arithmetic(true)) : slice.keys(leaf, new Arithmetic(true));
            c.check(
                    x,
                    new long[] {B, T, HEADS, E},
                    cotangents,
                    forward,
                    new Twin(rotary, query ? 1 / Math.sqrt(E) : 1)::apply,
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
