package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.model.Architecture.Norms.QueryKey;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionTest {
    private static final double EPSILON = 0.01;
    private static final int D = 7;
    private static final int E = 6;
    private static final int T = 5;
    private static final List<long[]> SEQUENCES = List.of(new long[] {1, 2, 3, 4, 5}, new long[] {6, 7, 8});

    private static final BackwardHook NO_ADAPTER = new BackwardHook() {
        @Override
        public boolean adapts(String path) {
            return false;
        }

        @Override
        public NDArray apply(String path, NDArray gradient, long stack, NDArray base) {
            throw new AssertionError(path);
        }
    };

    /** The operation on the host, one head and one token at a time. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Twin(
            int heads,
            int keyValueHeads,
            double[] q,
            double[] k,
            double[] v,
            double[] o,
            double[] queryNorm,
            double[] keyNorm,
            double[] bias,
            int window,
            double cap) {

        /** x [B, T, D] to [B, T, D]; zero at padding. */
        double[] apply(double[] x) {
            double[] queries = rotated(GradientCheck.linear(x, q, bias, D), queryNorm, heads, 1 / Math.sqrt(E));
            double[] keys = rotated(GradientCheck.linear(x, k, null, D), keyNorm, keyValueHeads, 1);
            double[] values = GradientCheck.linear(x, v, null, D);
            double[] out = new double[SEQUENCES.size() * T * heads * E];
            for (int b = 0; b < SEQUENCES.size(); b++) {
                for (int t = first(b); t < T; t++) {
                    for (int h = 0; h < heads; h++) {
                        int seen = window == 0 ? first(b) : Math.max(first(b), t - window + 1);
                        head(queries, keys, values, out, b * T + seen, b * T + t, h);
                    }
                }
            }
            return GradientCheck.linear(out, o, null, heads * E);
        }

        private void head(double[] queries, double[] keys, double[] values, double[] out, int from, int row, int h) {
            int shared = h / (heads / keyValueHeads);
            double[] weight = new double[row + 1];
            double total = 0;
            for (int s = from; s <= row; s++) {
                for (int i = 0; i < E; i++) {
                    weight[s] += queries[(row * heads + h) * E + i] * keys[(s * keyValueHeads + shared) * E + i];
                }
                weight[s] = Math.exp(cap == 0 ? weight[s] : cap * Math.tanh(weight[s] / cap));
                total += weight[s];
            }
            for (int s = from; s <= row; s++) {
                for (int i = 0; i < E; i++) {
                    out[(row * heads + h) * E + i] += weight[s] / total * values[(s * keyValueHeads + shared) * E + i];
                }
            }
        }

        private static double[] rotated(double[] all, double[] norm, int count, double scale) {
            double[] plain = norm == null ? all : GradientCheck.norm(all, norm, EPSILON);
            return RotaryEmbeddingTest.turned(plain, count, T, E, scale);
        }
    }

    private static int first(int b) {
        return T - SEQUENCES.get(b).length;
    }

    @ParameterizedTest(
            name = "{0} heads, {1} key/value heads, last only {2}, norms {3}, window {4}, cap {5}, fused {6}")
    @CsvSource({
        "3,1,false,NONE,0,0,false",
        "6,3,false,NONE,0,0,false",
        "3,3,true,NONE,0,0,false",
        "6,3,true,NONE,0,0,false",
        "3,1,false,EACH_HEAD,0,0,false",
        "6,3,false,EACH_HEAD,0,0,false",
        "3,3,true,EACH_HEAD,0,0,false",
        "6,3,true,EACH_HEAD,0,0,false",
        "6,3,false,ALL_HEADS,0,0,false",
        "6,3,true,ALL_HEADS,0,0,false",
        "6,3,false,NONE,2,0,false",
        "6,3,true,NONE,2,0,false",
        "6,3,false,NONE,0,0.4,false",
        "6,3,true,EACH_HEAD,0,0.4,false",
        "6,3,false,NONE,0,0,true",
        "6,3,true,ALL_HEADS,3,0.4,true"
    })
    void shouldGoBackAsAutogradDoes(
            int heads, int keyValueHeads, boolean lastOnly, QueryKey normed, int window, double cap, boolean fused) {
        try (GradientCheck c = new GradientCheck()) {
            Twin twin = new Twin(
                    heads,
                    keyValueHeads,
                    c.numbers(heads * E * D),
                    c.numbers(keyValueHeads * E * D),
                    c.numbers(keyValueHeads * E * D),
                    c.numbers(D * heads * E),
                    norm(normed, heads, c),
                    norm(normed, keyValueHeads, c),
                    c.numbers(heads * E),
                    window,
                    cap);
            ModelSizes sizes = new ModelSizes(11, D, 1, heads, keyValueHeads, E, 5, 64);
            RotaryEmbedding rotary = new RotaryEmbedding(
                    Optional.of(RotarySettings.plain(10_000)),
                    E,
                    1 / Math.sqrt(E) / (cap == 0 ? 1 : cap),
                    c.manager,
                    DataType.FLOAT64);
            NDArray limit = cap == 0 ? null : c.array(new double[] {cap}, 1);
            Attention attention = new Attention(
                    maps(twin, fused, c),
                    new Linear("o", c.array(twin.o, D, (long) heads * E), null),
                    new Attention.Norms(
                            loaded(twin.queryNorm, c), loaded(twin.keyNorm, c), normed == QueryKey.ALL_HEADS),
                    new Attention.Scores(rotary, window, limit),
                    sizes);
            Sequences sequences = new Sequences(
                    TokenBatch.leftPadded(SEQUENCES, 0), List.of(rotary), Set.of(window), c.manager, DataType.FLOAT64);
            long b = SEQUENCES.size();
            int rows = SEQUENCES.size() * (lastOnly ? 1 : T);
            NDArray residual = c.manager.zeros(new Shape(rows, D), DataType.FLOAT64);
            double[] x = c.numbers(SEQUENCES.size() * T * D);
            double[] cotangents = c.numbers(GradientCheck.STACK * rows * D);
            if (!lastOnly) {
                forgetPadding(cotangents);
            }
            Attention.Tape tape = new Attention.Tape();
            attention.forward(c.array(x, b * T, D), residual, pass(sequences, false, lastOnly), tape);
            NDArray start = c.array(cotangents, GradientCheck.STACK, rows, D);
            NDArray found = attention.backward(start, sequences, NO_ADAPTER, true, tape);
            c.check(
                    x,
                    new long[] {b * T, D},
                    cotangents,
                    leaf -> attention.forward(leaf, residual, pass(sequences, true, lastOnly), null),
                    values -> lastOnly ? last(twin.apply(values)) : twin.apply(values),
                    found);
            assertThat(start.toDoubleArray()).as("the gradient is not modified").isEqualTo(cotangents);
        }
    }

    private static double[] norm(QueryKey normed, int heads, GradientCheck c) {
        return switch (normed) {
            case NONE -> null;
            case EACH_HEAD -> c.numbers(E);
            case ALL_HEADS -> c.numbers(heads * E);
        };
    }

    private static RmsNorm loaded(double[] weight, GradientCheck c) {
        return weight == null ? null : new RmsNorm(c.array(weight, weight.length), c.array(new double[] {EPSILON}, 1));
    }

    private static InputMaps maps(Twin twin, boolean fused, GradientCheck c) {
        int queries = twin.heads * E;
        int keys = twin.keyValueHeads * E;
        if (!fused) {
            return InputMaps.apart(
                    new Linear("q", c.array(twin.q, queries, D), c.array(twin.bias, queries)),
                    new Linear("k", c.array(twin.k, keys, D), null),
                    new Linear("v", c.array(twin.v, keys, D), null));
        }
        double[] all = Stream.of(twin.q, twin.k, twin.v)
                .flatMapToDouble(Arrays::stream)
                .toArray();
        double[] bias = Arrays.copyOf(twin.bias, queries + 2 * keys);
        return InputMaps.fused(
                new Linear("qkv", c.array(all, queries + 2L * keys, D), c.array(bias, bias.length)),
                queries,
                keys,
                keys);
    }

    /** Padding has no gradient. */
    private static void forgetPadding(double[] cotangents) {
        for (int i = 0; i < cotangents.length; i++) {
            int row = i / D % (SEQUENCES.size() * T);
            if (row % T < first(row / T)) {
                cotangents[i] = 0;
            }
        }
    }

    private static double[] last(double[] all) {
        double[] some = new double[SEQUENCES.size() * D];
        for (int b = 0; b < SEQUENCES.size(); b++) {
            System.arraycopy(all, (b * T + T - 1) * D, some, b * D, D);
        }
        return some;
    }

    private static LayerPass pass(Sequences sequences, boolean recorded, boolean lastOnly) {
        return new LayerPass(sequences, LinearHook.FROZEN, new Arithmetic(recorded), lastOnly);
    }
}
