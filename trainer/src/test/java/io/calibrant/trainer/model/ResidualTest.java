package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResidualTest {
    private static final double EPSILON = 0.01;
    private static final int ROWS = 3;
    private static final int D = 7;

    @ParameterizedTest(name = "norm {0}, multiplier {1}")
    @CsvSource({"false,1", "true,1", "false,0.6", "true,0.6"})
    void shouldAddToTheStreamAndGoBack(boolean normed, double multiplier) {
        try (GradientCheck c = new GradientCheck()) {
            double[] weight = c.numbers(D);
            RmsNorm norm = normed ? new RmsNorm(c.array(weight, D), c.array(new double[] {EPSILON}, 1)) : null;
            Residual residual = new Residual(norm, multiplier == 1 ? null : c.array(new double[] {multiplier}, 1));
            NDArray stream = c.random(ROWS, D);
            double[] base = stream.toDoubleArray();
            double[] x = c.numbers(ROWS * D);
            double[] cotangents = c.numbers(GradientCheck.STACK * x.length);
            RmsNorm.Tape tape = new RmsNorm.Tape();
            residual.forward(stream, added -> plus(c.array(x, ROWS, D), added), new Arithmetic(false), tape);
            NDArray start = c.array(cotangents, GradientCheck.STACK, ROWS, D);
            NDArray found = residual.backward(start, tape);
            c.check(
                    x,
                    new long[] {ROWS, D},
                    cotangents,
                    leaf -> residual.forward(stream, added -> plus(leaf, added), new Arithmetic(true), null),
                    values -> {
                        double[] y = normed ? GradientCheck.norm(values, weight, EPSILON) : values.clone();
                        for (int i = 0; i < y.length; i++) {
                            y[i] = base[i] + multiplier * y[i];
                        }
                        return y;
                    },
                    found);
            assertThat(start.toDoubleArray()).as("the gradient is not modified").isEqualTo(cotangents);
            assertThat(stream.toDoubleArray()).as("the stream is not modified").isEqualTo(base);
        }
    }

    private static NDArray plus(NDArray output, NDArray added) {
        return added == null ? output : output.add(added);
    }
}
