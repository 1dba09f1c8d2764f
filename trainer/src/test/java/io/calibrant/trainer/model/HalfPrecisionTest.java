package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.safetensors.ElementType;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

class HalfPrecisionTest {
    private static final int ROWS = 5;
    private static final int IN = 37;
    private static final int OUT = 11;

    @TempDir
    Path directory;

    private static float[] random(int size, long seed) {
        Random random = new Random(seed);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static float[] rounded(float[] values, ElementType type) {
        float[] rounded = values.clone();
        for (int i = 0; i < rounded.length; i++) {
            rounded[i] = type.nearest(rounded[i]);
        }
        return rounded;
    }

    private static NDArray half(NDManager manager, BaseType type, float[] values, long rows, long columns) {
        NDArray half = HalfPrecision.zeros(manager, new Shape(rows, columns), type);
        half.set(new ai.djl.ndarray.index.NDIndex(":"), manager.create(values, new Shape(rows, columns)));
        return half;
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "F32")
    void shouldRoundToTheNearestAndWidenWithoutLoss(BaseType type) {
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get(), "PyTorch")) {
            float[] values = random(OUT * IN, 1);
            values[0] = 1e-6f; // subnormal in float16
            values[1] = -0.0f;
            values[2] = 1 + 0x1p-8f; // a tie in bfloat16
            values[3] = 1 + 0x1p-11f; // a tie in float16
            NDArray half = half(manager, type, values, OUT, IN);

            assertThat(HalfPrecision.isHalf(half)).isTrue();
            NDArray wide = HalfPrecision.widened(half, DataType.FLOAT32);
            assertThat(wide.toFloatArray()).containsExactly(rounded(values, type.elementType()));
            assertThat(HalfPrecision.isHalf(wide)).isFalse();
            assertThat(HalfPrecision.widened(wide, DataType.FLOAT32)).isSameAs(wide);
        }
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "F32")
    void shouldMultiplyWithTheWidenedWeight(BaseType type) {
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get(), "PyTorch")) {
            NDArray half = half(manager, type, random(OUT * IN, 1), OUT, IN);
            NDArray wide = HalfPrecision.widened(half, DataType.FLOAT32);
            NDArray x = manager.create(random(ROWS * IN, 2), new Shape(ROWS, IN));
            NDArray base = manager.create(random(ROWS * OUT, 3), new Shape(ROWS, OUT));
            NDArray gradient = manager.create(random(ROWS * OUT, 4), new Shape(ROWS, OUT));
            double tolerance = TestDevice.get().isGpu() ? 0.1 : 1e-6;

            for (NDArray added : new NDArray[] {null, base, base.get(0)}) {
                float[] expected = LinearHook.linear(x, wide, added).toFloatArray();
                assertThat(LinearHook.linear(x, half, added).toFloatArray())
                        .containsExactly(expected, within((float) tolerance));
                assertThat(LinearHook.unrecorded(x, half, added).toFloatArray())
                        .containsExactly(expected, within((float) tolerance));
            }
            for (NDArray added : new NDArray[] {null, x}) {
                assertThat(LinearHook.back(gradient, half, added).toFloatArray())
                        .containsExactly(
                                LinearHook.back(gradient, wide, added).toFloatArray(), within((float) tolerance));
            }
            assertThat(LinearHook.back(gradient, wide, x).toFloatArray())
                    .containsExactly(gradient.matMul(wide).add(x).toFloatArray(), within((float) tolerance));
        }
    }

    @Test
    void shouldMultiplyWithALargeWeightAPieceAtATime() {
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get(), "PyTorch")) {
            int in = 4507;
            int out = 1009;
            NDArray half = half(manager, BaseType.BF16, random(in * out, 1), out, in);
            NDArray wide = HalfPrecision.widened(half, DataType.FLOAT32);
            NDArray base = manager.create(random(2 * out, 3), new Shape(2, out));
            NDArray x = manager.create(random(2 * in, 2), new Shape(2, in));
            float tolerance = TestDevice.get().isGpu() ? 2 : 1e-3f;

            for (NDArray added : new NDArray[] {null, base, base.get(0)}) {
                float[] expected = LinearHook.linear(x, wide, added).toFloatArray();
                assertThat(LinearHook.linear(x, half, added).toFloatArray())
                        .containsExactly(expected, within(tolerance));
                assertThat(LinearHook.unrecorded(x, half, added).toFloatArray())
                        .containsExactly(expected, within(tolerance));
            }
            for (NDArray added : new NDArray[] {null, x}) {
                assertThat(LinearHook.back(base, half, added).toFloatArray())
                        .containsExactly(LinearHook.back(base, wide, added).toFloatArray(), within(tolerance));
            }
        }
    }

    /** Several scorers' threads multiply at once, each with another weight. */
    @Test
    void shouldWidenForSeveralThreadsAtOnce() {
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get(), "PyTorch")) {
            int size = 300;
            NDArray x = manager.create(random(size, 1), new Shape(1, size));
            List<NDArray> halves = IntStream.range(0, 4)
                    .mapToObj(i -> half(manager, BaseType.BF16, random(size * size, i), size, size))
                    .toList();
            List<float[]> expected = halves.stream()
                    .map(half -> LinearHook.unrecorded(x, half, null).toFloatArray())
                    .toList();
            IntStream.range(0, 200).parallel().forEach(i -> {
                try (NDArray found = LinearHook.unrecorded(x, halves.get(i % 4), null)) {
                    assertThat(found.toFloatArray()).containsExactly(expected.get(i % 4), within(1e-3f));
                }
            });
        }
    }

    /** What a GPU does, which is correct on a processor as well. */
    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "F32")
    void shouldMultiplyInTwoBytesAndBeRecorded(BaseType type) {
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get(), "PyTorch")) {
            NDArray half = half(manager, type, random(OUT * IN, 1), OUT, IN);
            NDArray wide = HalfPrecision.widened(half, DataType.FLOAT32);
            NDArray x =
                    manager.create(random(ROWS * IN, 2), new Shape(ROWS, IN)).duplicate();
            NDArray base =
                    manager.create(random(ROWS * OUT, 3), new Shape(ROWS, OUT)).duplicate();
            float rounding = type == BaseType.BF16 ? 0x1p-8f : 0x1p-11f;
            float largest = 4 * rounding * (float) Math.sqrt(IN); // x, the product, both with some deviations

            for (NDArray added : new NDArray[] {null, base}) {
                NDArray found = HalfPrecision.inHalf(x, half, added);
                assertThat(found.getDataType()).isEqualTo(DataType.FLOAT32);
                assertThat(found.toFloatArray())
                        .containsExactly(LinearHook.linear(x, wide, added).toFloatArray(), within(largest));
            }
            x.setRequiresGradient(true);
            try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
                collector.backward(HalfPrecision.inHalf(x, half, base).square().sum());
            }
            float[] found = x.getGradient().toFloatArray();
            x.setRequiresGradient(false);
            NDArray y = LinearHook.linear(x, wide, base);
            NDArray expected = y.add(y).matMul(wide);
            assertThat(found).containsExactly(expected.toFloatArray(), within(20 * largest));
            assertThat(expected.abs().max().getFloat()).isGreaterThan(10);
        }
    }

    /** A model in two bytes computes to the bit what a model of the rounded numbers does in four. */
    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "F32")
    void shouldComputeWithTheRoundedModel(BaseType type) {
        Path plain = new TinyModel().write(directory.resolve("plain"), 3);
        Path rounded = TinyModel.rounded(plain, directory.resolve("rounded"), type);

        float[] exact = logits(plain, BaseFormat.F32);
        float[] expected = logits(rounded, BaseFormat.F32);
        float[] found = logits(plain, BaseFormat.F32.withType(type));
        assertThat(found).isNotEqualTo(exact);
        assertThat(found).containsExactly(expected, within(TestDevice.get().isGpu() ? 0.1f : 0f));
        assertThat(logits(rounded, BaseFormat.F32.withType(type))).containsExactly(found);
    }

    private static float[] logits(Path model, BaseFormat format) {
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), format);
                NDManager pass = llama.newManager()) {
            TokenBatch batch = TokenBatch.leftPadded(List.of(new long[] {3, 1, 4, 1, 5}, new long[] {9, 2, 6}), 0);
            NDArray all = llama.fullLogits(batch, LinearHook.FROZEN, pass);
            NDArray some = llama.logits(batch, llama.classRows(pass, 1, 2, 3), LinearHook.FROZEN, pass);
            return all.flatten().concat(some.flatten()).toFloatArray();
        }
    }

    @Test
    void shouldNameANumberThatTheTypeDoesNotHold() throws IOException {
        Path model = new TinyModel().write(directory, 3);
        SafetensorsWriter writer = TinyModel.changed(model, (name, values) -> {
            if (name.equals("model.norm.weight")) {
                values[7] = 65_520;
            }
        });
        writer.write(model.resolve("model.safetensors"));
        assertThatThrownBy(() -> logits(model, BaseFormat.F32.withType(BaseType.F16)))
                .isInstanceOf(ModelFileException.class)
                .hasMessageEndingWith("model.safetensors: tensor model.norm.weight: every number must be finite in F16,"
                        + " got 65520.0 at element 7 of 20");
    }
}
