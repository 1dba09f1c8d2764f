package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.capture.Autograd;
import java.util.Arrays;
import java.util.Random;
import java.util.function.UnaryOperator;

/**
 * An operation's own backward pass against autograd and against differences of a naive twin in plain Java, in float64.
 * S cotangents of the whole output are drawn at random.
 */
final class GradientCheck implements AutoCloseable {
    static final int STACK = 3;
    private static final double STEP = 1e-3;

    final NDManager manager = NDManager.newBaseManager(TestDevice.get(), "PyTorch");
    private final Random random = new Random(5);

    double[] numbers(int count) {
        return random.doubles(count, -1, 1).toArray();
    }

    NDArray array(double[] values, long... shape) {
        return Constants.array(manager, values, new Shape(shape), DataType.FLOAT64);
    }

    NDArray random(long... shape) {
        return array(numbers((int) new Shape(shape).size()), shape);
    }

    /**
     * Checks one operation.
     *
     * @param x the input, of {@code shape}
     * @param cotangents S outputs' gradients, one after the other
     * @param forward the operation, recorded
     * @param twin the operation on the host; must have the values of {@code forward} wherever a cotangent is not zero
     * @param found what the operation's own backward pass gives: S inputs' gradients
     */
    void check(
            double[] x,
            long[] shape,
            double[] cotangents,
            UnaryOperator<NDArray> forward,
            UnaryOperator<double[]> twin,
            NDArray found) {
        double[] output = twin.apply(x);
        NDArray leaf = array(x, shape);
        leaf.setRequiresGradient(true);
        NDArray recorded = Autograd.recorded(() -> forward.apply(leaf));
        double[] values = recorded.toDoubleArray();
        for (int i = 0; i < output.length; i++) {
            if (cotangents[i] != 0) {
                assertThat(values[i]).as("output " + i).isCloseTo(output[i], within(1e-13));
            }
        }
        double[] gradients = found.toDoubleArray();
        assertThat(gradients).hasSize(STACK * x.length);
        for (int s = 0; s < STACK; s++) {
            double[] cotangent = Arrays.copyOfRange(cotangents, s * output.length, (s + 1) * output.length);
            double[] own = Arrays.copyOfRange(gradients, s * x.length, (s + 1) * x.length);
            Autograd.zeroGradient(leaf);
            Autograd.backward(recorded, array(cotangent, recorded.getShape().getShape()), s < STACK - 1);
            assertThat(own).as("autograd").containsExactly(leaf.getGradient().toDoubleArray(), within(1e-13));
            assertThat(own).as("differences").containsExactly(differences(x, cotangent, twin), within(1e-9));
            assertThat(Arrays.stream(own).map(Math::abs).max().orElse(0)).isGreaterThan(1e-3);
        }
    }

    /** Central differences of sixth order of the cotangent's product with the output. */
    private static double[] differences(double[] x, double[] cotangent, UnaryOperator<double[]> twin) {
        double[] gradient = new double[x.length];
        double[] moved = x.clone();
        for (int i = 0; i < x.length; i++) {
            double[] weights = {0, 45, -9, 1};
            for (int k = 1; k <= 3; k++) {
                moved[i] = x[i] + k * STEP;
                double above = product(twin.apply(moved), cotangent);
                moved[i] = x[i] - k * STEP;
                gradient[i] += weights[k] * (above - product(twin.apply(moved), cotangent)) / (60 * STEP);
            }
            moved[i] = x[i];
        }
        return gradient;
    }

    private static double product(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** x W^T + b, one number at a time: x [rows, in], w [out, in]; b may be null. */
    static double[] linear(double[] x, double[] w, double[] b, int in) {
        int out = w.length / in;
        double[] y = new double[x.length / in * out];
        for (int i = 0; i < y.length; i++) {
            y[i] = b == null ? 0 : b[i % out];
            for (int j = 0; j < in; j++) {
                y[i] += x[i / out * in + j] * w[i % out * in + j];
            }
        }
        return y;
    }

    /** RMSNorm of consecutive groups of {@code weight.length} numbers. */
    static double[] norm(double[] x, double[] weight, double epsilon) {
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            int start = i - i % weight.length;
            double sum = 0;
            for (int j = start; j < start + weight.length; j++) {
                sum += x[j] * x[j];
            }
            y[i] = x[i] / Math.sqrt(sum / weight.length + epsilon) * weight[i % weight.length];
        }
        return y;
    }

    @Override
    public void close() {
        manager.close();
    }
}
