package io.calibrant.trainer.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.trainer.safetensors.ElementType;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against what bitsandbytes rounded and un-rounded. */
class Nf4Test {
    private static final Path ZOO = Path.of("../../shared", "zoo", "nf4");

    @TempDir
    Path directory;

    private static SafetensorsReader open(String name) {
        Path file = ZOO.resolve(name);
        assumeTrue(Files.exists(file), "reference values are not beside this checkout: " + file);
        return SafetensorsReader.open(file);
    }

    /** Reads in pieces of a prime number of elements, which fit neither rows nor blocks nor bytes. */
    private static float[] read(WeightSource source, int size) {
        float[] values = new float[size];
        for (int from = 0; from < size; from += 1009) {
            int count = Math.min(1009, size - from);
            ByteBuffer bytes = ByteBuffer.allocate(count * Float.BYTES).order(ByteOrder.nativeOrder());
            source.read(from, bytes);
            bytes.asFloatBuffer().get(values, from, count);
        }
        return values;
    }

    private static float[] rounded(SafetensorsReader reader, String name, ElementType type, boolean nested) {
        TensorEntry entry = reader.entry(name);
        return read(Nf4Rounding.of(reader, entry, type, nested), (int) entry.size());
    }

    private static long[] shape(TensorEntry entry) {
        return entry.shape().stream().mapToLong(Long::longValue).toArray();
    }

    private static float largest(float[] values) {
        float largest = 0;
        for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    @Test
    void shouldHaveTheCodesOfBitsandbytes() {
        try (SafetensorsReader cases = open("cases.safetensors")) {
            assertThat(values(Code.NF4)).containsExactly(cases.floats("map.nf4"));
            assertThat(values(Code.DYNAMIC)).containsExactly(cases.floats("map.dynamic"));
        }
    }

    private static float[] values(Code code) {
        float[] values = new float[code.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = code.value(i);
        }
        return values;
    }

    @Test
    void shouldRoundEveryCaseAsBitsandbytesDoes() {
        try (SafetensorsReader cases = open("cases.safetensors")) {
            List<String> names = cases.names().stream()
                    .filter(name -> name.endsWith(".w"))
                    .map(name -> name.substring(0, name.length() - 2))
                    .toList();
            assertThat(names).hasSizeGreaterThan(5);
            for (String name : names) {
                for (boolean nested : new boolean[] {false, true}) {
                    String rounded = name + (nested ? ".double" : ".plain");
                    if (!cases.contains(rounded)) {
                        continue;
                    }
                    float[] expected = cases.floats(rounded);
                    float tolerance = 1e-6f * Math.max(1, largest(expected));
                    assertThat(rounded(cases, name + ".w", ElementType.F32, nested))
                            .as(name + ", nested " + nested)
                            .containsExactly(expected, within(tolerance));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"double", "plain", "double_bf16"})
    void shouldRoundAModelAndReadItsCheckpoint(String variant) {
        ElementType type = variant.endsWith("bf16") ? ElementType.BF16 : ElementType.F32;
        try (SafetensorsReader base = open("base");
                SafetensorsReader stored = open("bnb4_" + variant);
                SafetensorsReader expected = open("dequantised." + variant + ".safetensors")) {
            assertThat(expected.names()).isNotEmpty();
            for (String name : expected.names()) {
                float[] values = expected.floats(name);
                assertThat(rounded(base, name, type, !variant.equals("plain")))
                        .as(name)
                        .containsExactly(values, within(type == ElementType.F32 ? 1e-6f : 0f));
                assertThat(Nf4Checkpoint.holds(stored, name)).isTrue();
                assertThat(read(Nf4Checkpoint.of(stored, name, shape(base.entry(name))), values.length))
                        .as(name)
                        .containsExactly(values);
            }
            assertThat(Nf4Checkpoint.holds(stored, "model.embed_tokens.weight")).isFalse();
        }
    }

    @Test
    void shouldNameWhatDoesNotFitInACheckpoint() {
        String name = "model.layers.0.mlp.down_proj.weight";
        try (SafetensorsReader stored = open("bnb4_double")) {
            assertThatThrownBy(() -> Nf4Checkpoint.of(stored, name, 72, 233))
                    .isInstanceOf(ModelFileException.class)
                    .hasMessageContainingAll(
                            "model.safetensors: tensor " + name, "expected shape 72x233, found 72x232");
        }
    }

    /** The naive twin: each number of each block against all sixteen values. */
    @Test
    void shouldTakeTheNearestOfAllValues() throws IOException {
        Random random = new Random(1);
        float[] values = new float[1000];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        Path file = directory.resolve("w.safetensors");
        new SafetensorsWriter().add("w", values, 10, 100).write(file);
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            float[] found = rounded(reader, "w", ElementType.F32, false);
            for (int i = 0; i < values.length; i++) {
                float absmax = 0;
                for (int j = i / 64 * 64; j < Math.min(values.length, i / 64 * 64 + 64); j++) {
                    absmax = Math.max(absmax, Math.abs(values[j]));
                }
                float nearest = Float.POSITIVE_INFINITY;
                for (int code = 0; code < 16; code++) {
                    float candidate = Code.NF4.value(code) * absmax;
                    if (Math.abs(candidate - values[i]) < Math.abs(nearest - values[i])) {
                        nearest = candidate;
                    }
                }
                assertThat(found[i]).isEqualTo(nearest);
            }
        }
    }
}
