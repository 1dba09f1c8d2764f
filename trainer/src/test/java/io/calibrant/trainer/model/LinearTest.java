package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import org.junit.jupiter.api.Test;

class LinearTest {
    private static final int ROWS = 5;
    private static final int IN = 7;
    private static final int OUT = 3;

    /** An adapter that adds 2 to the output, and 10 to what goes back. */
    private static final class Adapter implements LinearHook, BackwardHook {
        private NDArray seen;

        @Override
        public boolean needsAllTokens(String path) {
            return path.equals("adapted");
        }

        @Override
        public int recordsFrom() {
            return 0;
        }

        @Override
        public NDArray apply(String path, NDArray x, NDArray weight, NDArray base) {
            return LinearHook.linear(x, weight, base).add(path.equals("adapted") ? 2 : 0);
        }

        @Override
        public boolean adapts(String path) {
            return path.equals("adapted");
        }

        @Override
        public NDArray apply(String path, NDArray gradient, long stack, NDArray base) {
            seen = gradient;
            return base == null ? null : base.add(10);
        }
    }

    @Test
    void shouldMapAndGoBack() {
        try (GradientCheck c = new GradientCheck()) {
            double[] w = c.numbers(OUT * IN);
            double[] bias = c.numbers(OUT);
            Linear linear = new Linear("plain", c.array(w, OUT, IN), c.array(bias, OUT));
            double[] x = c.numbers(ROWS * IN);
            double[] cotangents = c.numbers(GradientCheck.STACK * ROWS * OUT);
            Adapter hook = new Adapter();
            NDArray start = c.array(cotangents, GradientCheck.STACK, ROWS, OUT);
            NDArray found = linear.backward(start, null, hook, true);
            c.check(
                    x,
                    new long[] {ROWS, IN},
                    cotangents,
                    leaf -> linear.forward(leaf, hook),
                    values -> GradientCheck.linear(values, w, bias, IN),
                    found);
            assertThat(linear.backward(start, null, hook, false)).isNull();
            assertThat(hook.seen).isNull();
            NDArray base = c.random(GradientCheck.STACK, ROWS, IN);
            assertThat(linear.backward(start, base, hook, true).sub(found).toDoubleArray())
                    .usingComparatorWithPrecision(1e-14)
                    .containsExactly(base.toDoubleArray());
        }
    }

    @Test
    void shouldAddBiasAndResidualAndLeaveTheResidualAsItIs() {
        try (GradientCheck c = new GradientCheck()) {
            Linear linear = new Linear("plain", c.random(OUT, IN), c.random(OUT));
            NDArray x = c.random(ROWS, IN);
            NDArray residual = c.random(ROWS, OUT);
            double[] before = residual.toDoubleArray();
            double[] expected =
                    linear.forward(x, LinearHook.FROZEN).add(residual).toDoubleArray();
            assertThat(linear.forward(x, residual, LinearHook.FROZEN).toDoubleArray())
                    .usingComparatorWithPrecision(1e-14)
                    .containsExactly(expected);
            assertThat(residual.toDoubleArray()).isEqualTo(before);
        }
    }

    @Test
    void shouldLetAnAdapterAddToBothDirections() {
        try (GradientCheck c = new GradientCheck()) {
            NDArray weight = c.random(OUT, IN);
            Linear plain = new Linear("plain", weight, null);
            Linear adapted = new Linear("adapted", weight, null);
            Adapter hook = new Adapter();
            NDArray x = c.random(ROWS, IN);
            assertThat(adapted.forward(x, hook).sub(plain.forward(x, hook)).toDoubleArray())
                    .usingComparatorWithPrecision(1e-14)
                    .containsOnly(2);
            NDArray start = c.random(GradientCheck.STACK, ROWS, OUT);
            NDArray found = adapted.backward(start, null, hook, true);
            assertThat(found.sub(plain.backward(start, null, hook, true)).toDoubleArray())
                    .usingComparatorWithPrecision(1e-14)
                    .containsOnly(10);
            assertThat(hook.seen.toDoubleArray()).isEqualTo(start.toDoubleArray());
            assertThat(adapted.needsAllTokens(hook)).isTrue();
            assertThat(plain.needsAllTokens(hook)).isFalse();
        }
    }
}
