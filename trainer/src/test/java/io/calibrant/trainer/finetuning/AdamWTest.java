package io.calibrant.trainer.finetuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.calibrant.trainer.TestDevice;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AdamWTest {
    private final NDManager manager = NDManager.newBaseManager(TestDevice.get());

    @AfterEach
    void close() {
        manager.close();
    }

    /**
     * torch.optim.AdamW of PyTorch 2.15 (lr .05, weight decay .01) under LambdaLR(1 - s / 10), float32, the gradients
     * below; the third entry has gradients of the size of epsilon.
     */
    private static final double[][] PYTORCH = {
        {0.449749976, -1.24937499, 2.01328564, -0.0249999966, -0.0490004979, -3.04849982},
        {0.406114399, -1.21532667, 2.0239284, -0.0474887416, -0.0926442966, -3.04475951},
        {0.367631912, -1.18169761, 2.03205919, -0.0674697459, -0.128352061, -3.05697346},
        {0.333888888, -1.15078187, 2.03785682, -0.0849461332, -0.153927118, -3.05406141},
        {0.304771602, -1.12339127, 2.04156017, -0.0999206528, -0.167578235, -3.05927753},
        {0.280284613, -1.09996545, 2.04348397, -0.112395674, -0.170274064, -3.05719686},
        {0.260488272, -1.08080566, 2.04402733, -0.122373194, -0.166064084, -3.05956817},
        {0.245472446, -1.06614888, 2.04366398, -0.129854828, -0.159348279, -3.05831981},
        {0.235343635, -1.05619884, 2.04290962, -0.13484183, -0.153226972, -3.05920601},
        {0.230218172, -1.05113864, 2.04228354, -0.137335077, -0.149592221, -3.05878973}
    };

    @Test
    void shouldStepAsPyTorchDoes() {
        NDArray parameter = manager.create(new float[] {0.5f, -1.25f, 2, 0, 1e-3f, -3});
        LinearSchedule schedule = new LinearSchedule(0.05, 10);
        try (AdamW optimizer = new AdamW(List.of(parameter), manager, 0.01)) {
            for (int s = 0; s < 10; s++) {
                NDArray gradient = manager.create(new float[] {
                    0.1f * (s + 1), -0.02f * s, 1e-9f * (s - 4), 1e-8f, 3 - s, s % 2 == 0 ? 0.7f : -0.7f
                });

                optimizer.step(List.of(parameter), List.of(gradient), schedule.rate(s));

                float[] values = parameter.toFloatArray();
                for (int i = 0; i < values.length; i++) {
                    assertThat((double) values[i])
                            .as("step %d, parameter %d", s, i)
                            .isCloseTo(PYTORCH[s][i], within(1e-6));
                }
            }
        }
    }

    @Test
    void shouldAgreeWithItsNaiveTwinInDoublePrecision() {
        Random random = new Random(5);
        double[] twin = random.doubles(37, -1, 1).toArray();
        double[] first = new double[37];
        double[] second = new double[37];
        NDArray parameter = manager.create(floats(twin));
        try (AdamW optimizer = new AdamW(List.of(parameter), manager, 0.1)) {
            for (int t = 1; t <= 50; t++) {
                double[] gradient = random.doubles(37, -1, 1).toArray();
                double rate = 0.01 / t;

                optimizer.step(List.of(parameter), List.of(manager.create(floats(gradient))), rate);

                for (int i = 0; i < 37; i++) {
                    twin[i] -= rate * 0.1 * twin[i];
                    first[i] = 0.9 * first[i] + 0.1 * gradient[i];
                    second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
                    double m = first[i] / (1 - Math.pow(0.9, t));
                    double v = second[i] / (1 - Math.pow(0.999, t));
                    twin[i] -= rate * m / (Math.sqrt(v) + 1e-8);
                }
            }
        }
        float[] values = parameter.toFloatArray();
        for (int i = 0; i < 37; i++) {
            assertThat((double) values[i]).isCloseTo(twin[i], within(2e-6));
        }
    }

    @Test
    void shouldLeaveNothingBehindButItsMoments() {
        NDArray parameter = manager.create(new float[] {1, 2});
        NDArray gradient = manager.create(new float[] {3, 4});
        try (AdamW optimizer = new AdamW(List.of(parameter), manager, 0.01)) {
            optimizer.step(List.of(parameter), List.of(gradient), 0.1);
            int before = manager.getManagedArrays().size();

            optimizer.step(List.of(parameter), List.of(gradient), 0.1);

            assertThat(manager.getManagedArrays()).hasSize(before);
            assertThat(gradient.toFloatArray()).containsExactly(3, 4);
        }
    }

    @Test
    void shouldLowerTheRateOnALineToZero() {
        LinearSchedule schedule = new LinearSchedule(5e-4, 400);
        assertThat(schedule.rate(0)).isEqualTo(5e-4);
        assertThat(schedule.rate(100)).isCloseTo(3.75e-4, within(1e-18));
        assertThat(schedule.rate(399)).isCloseTo(1.25e-6, within(1e-18));
    }

    private static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
