package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FeedForwardTest {
    private static final int ROWS = 5;
    private static final int D = 7;
    private static final int F = 11;

    private final List<String> visited = new ArrayList<>();

    /** No adapter adds anything, but these maps are shown their gradients. */
    private BackwardHook adapted(Set<String> paths) {
        return new BackwardHook() {
            @Override
            public boolean adapts(String path) {
                return paths.contains(path);
            }

            @Override
            public NDArray apply(String path, NDArray gradient, long stack, NDArray base) {
                visited.add(path);
                return base;
            }
        };
    }

    private static Gating gating(Activation activation, GradientCheck c) {
        return Gating.of(activation, value -> c.array(new double[] {value}, 1));
    }

    /** phi by formulas of its own: tanh as it stands in the paper, and the normal distribution by its series. */
    private static double activated(Activation activation, double x) {
        return switch (activation) {
            case SILU -> x / (1 + Math.exp(-x));
            case GELU -> x * (0.5 + area(x));
            case GELU_TANH -> x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
        };
    }

    /** Under the density phi of a standard normal from 0 to x, phi(x) (x + x^3 / 3 + x^5 / 15 + ...). */
    private static double area(double x) {
        double term = x;
        double sum = x;
        for (int i = 3; i < 300; i += 2) {
            term *= x * x / i;
            sum += term;
        }
        return sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }

    @ParameterizedTest(name = "{0}, fused {1}")
    @CsvSource({"SILU,false", "GELU,false", "GELU_TANH,false", "SILU,true"})
    void shouldGoBackAsAutogradDoes(Activation activation, boolean fused) {
        try (GradientCheck c = new GradientCheck()) {
            double[] gate = c.numbers(F * D);
            double[] up = c.numbers(F * D);
            double[] down = c.numbers(D * F);
            double[] bias = c.numbers(F);
            InputMaps maps = InputMaps.apart(
                    new Linear("gate", c.array(gate, F, D), c.array(bias, F)),
                    new Linear("up", c.array(up, F, D), null));
            if (fused) {
                double[] both = Arrays.copyOf(gate, 2 * F * D);
                System.arraycopy(up, 0, both, F * D, F * D);
                maps = InputMaps.fused(
                        new Linear("gate_up", c.array(both, 2 * F, D), c.array(Arrays.copyOf(bias, 2 * F), 2 * F)),
                        F,
                        F);
            }
            FeedForward feedForward =
                    new FeedForward(maps, gating(activation, c), new Linear("down", c.array(down, D, F), null));
            NDArray residual = c.random(ROWS, D);
            double[] base = residual.toDoubleArray();
            double[] x = c.numbers(ROWS * D);
            double[] cotangents = c.numbers(GradientCheck.STACK * ROWS * D);
            FeedForward.Tape tape = new FeedForward.Tape();
            feedForward.forward(c.array(x, ROWS, D), residual, pass(false), tape);
            NDArray start = c.array(cotangents, GradientCheck.STACK, ROWS, D);
            NDArray found = feedForward.backward(start, adapted(Set.of()), true, tape);
            c.check(
                    x,
                    new long[] {ROWS, D},
                    cotangents,
                    leaf -> feedForward.forward(leaf, residual, pass(true), null),
                    values -> {
                        double[] gates = GradientCheck.linear(values, gate, bias, D);
                        double[] product = GradientCheck.linear(values, up, null, D);
                        for (int i = 0; i < product.length; i++) {
                            product[i] *= activated(activation, gates[i]);
                        }
                        double[] y = GradientCheck.linear(product, down, null, F);
                        for (int i = 0; i < y.length; i++) {
                            y[i] += base[i];
                        }
                        return y;
                    },
                    found);
            assertThat(start.toDoubleArray()).as("the gradient is not modified").isEqualTo(cotangents);
            assertThat(residual.toDoubleArray())
                    .as("the residual is not modified")
                    .isEqualTo(base);
        }
    }

    @Test
    void shouldEndAtTheLowestAdaptedMap() {
        try (GradientCheck c = new GradientCheck()) {
            FeedForward feedForward = new FeedForward(
                    InputMaps.apart(new Linear("gate", c.random(F, D), null), new Linear("up", c.random(F, D), null)),
                    gating(Activation.SILU, c),
                    new Linear("down", c.random(D, F), null));
            for (Set<String> maps : List.of(Set.of("down"), Set.of("up", "down"), Set.of("gate"))) {
                visited.clear();
                FeedForward.Tape tape = new FeedForward.Tape();
                feedForward.forward(c.random(ROWS, D), c.random(ROWS, D), pass(false), tape);
                NDArray start = c.random(GradientCheck.STACK, ROWS, D);
                assertThat(feedForward.backward(start, adapted(maps), false, tape))
                        .isNull();
                assertThat(visited).containsExactlyInAnyOrderElementsOf(maps);
            }
        }
    }

    private static LayerPass pass(boolean recorded) {
        return new LayerPass(null, LinearHook.FROZEN, new Arithmetic(recorded), false);
    }
}
