package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import io.calibrant.trainer.model.Architecture.Scales;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class LogitScaleTest {
    private static final int ROWS = 3;
    private static final int K = 4;

    @Test
    void shouldDivideAndGoBack() {
        check(1.7, OptionalDouble.empty());
    }

    @Test
    void shouldCapAndGoBack() {
        check(1, OptionalDouble.of(0.8));
    }

    @Test
    void shouldDivideThenCapAndGoBack() {
        check(1.7, OptionalDouble.of(0.8));
    }

    @Test
    void shouldDoNothingWhereThereIsNothingToDo() {
        try (GradientCheck c = new GradientCheck()) {
            NDArray h = c.random(ROWS, K);
            LogitScale scale = LogitScale.NONE;
            assertThat(scale.forward(h, null)).isSameAs(h);
            assertThat(scale.backward(h, new LogitScale.Tape())).isSameAs(h);
        }
    }

    private static void check(double divisor, OptionalDouble cap) {
        try (GradientCheck c = new GradientCheck()) {
            Scales scales = new Scales(1, false, 1, OptionalDouble.empty(), OptionalDouble.empty(), divisor, cap);
            LogitScale scale = new LogitScale(scales, value -> c.array(new double[] {value}, 1));
            double[] x = c.numbers(ROWS * K);
            double[] cotangents = c.numbers(GradientCheck.STACK * x.length);
            LogitScale.Tape tape = new LogitScale.Tape();
            scale.forward(c.array(x, ROWS, K), tape);
            NDArray start = c.array(cotangents, GradientCheck.STACK, ROWS, K);
            NDArray found = scale.backward(start, tape);
            c.check(
                    x,
                    new long[] {ROWS, K},
                    cotangents,
                    leaf -> scale.forward(leaf, null),
                    values -> {
                        double[] z = new double[values.length];
                        for (int i = 0; i < z.length; i++) {
                            z[i] = values[i] / divisor;
                            z[i] = cap.isEmpty() ? z[i] : cap.getAsDouble() * Math.tanh(z[i] / cap.getAsDouble());
                        }
                        return z;
                    },
                    found);
            assertThat(start.toDoubleArray()).as("the gradient is not modified").isEqualTo(cotangents);
        }
    }
}
