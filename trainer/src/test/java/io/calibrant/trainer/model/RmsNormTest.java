package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import org.junit.jupiter.api.Test;

class RmsNormTest {
    private static final double EPSILON = 0.01;

    @Test
    void shouldNormaliseRowsAndGoBackThroughThem() {
        check(5, 7);
    }

    @Test
    void shouldNormaliseEveryHeadByItself() {
        check(2, 3, 5, 7);
    }

    private static void check(long... shape) {
        try (GradientCheck c = new GradientCheck()) {
            double[] weight = c.numbers(7);
            RmsNorm norm = new RmsNorm(c.array(weight, 7), c.array(new double[] {EPSILON}, 1));
            int size = 1;
            for (long n : shape) {
                size *= (int) n;
            }
            double[] x = c.numbers(size);
            double[] cotangents = c.numbers(GradientCheck.STACK * size);
            RmsNorm.Tape tape = new RmsNorm.Tape();
            NDArray out = norm.forward(c.array(x, shape), new Arithmetic(false), tape);
            long[] stacked = new long[shape.length + 1];
            stacked[0] = GradientCheck.STACK;
            System.arraycopy(shape, 0, stacked, 1, shape.length);
            NDArray found = norm.backward(c.array(cotangents, stacked), tape);
            c.check(
                    x,
                    shape,
                    cotangents,
                    leaf -> norm.forward(leaf, new Arithmetic(true), null),
                    values -> GradientCheck.norm(values, weight, EPSILON),
                    found);
            assertThat(out.toDoubleArray())
                    .isEqualTo(norm.forward(c.array(x, shape), new Arithmetic(false), null)
                            .toDoubleArray());
        }
    }
}
