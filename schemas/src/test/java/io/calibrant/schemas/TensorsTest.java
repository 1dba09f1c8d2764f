package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.avro.DType;
import io.calibrant.schemas.avro.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;

class TensorsTest {
    /** The largest bfloat16: 2^127 (2 - 2^-7); from the middle between it and 2^128 on, values round to infinity. */
    private static final double LARGEST = 0x1.FEp127;

    @Test
    void shouldRoundToBfloat16AsTheNaiveTwinDoes() {
        // every sign, exponent and leading digits, subnormals and infinities with them; each between two neighbours: on
        // the lower one, just above it, just below the middle, on it, just above it, just below the upper one
        int[] lower = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
        float[] values = new float[(1 << 16) * lower.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(((i / lower.length) << 16) | lower[i % lower.length]);
        }

        Tensor tensor = Tensors.bfloat16(values, values.length);

        assertThat(tensor.getDtype()).isEqualTo(DType.BF16);
        assertThat(tensor.getData().remaining()).isEqualTo(2 * values.length);
        float[] rounded = Tensors.floats(tensor);
        double[] wide = Tensors.doubles(tensor);
        int wrong = 0;
        for (int i = 0; i < values.length; i++) {
            float expected = nearest(values[i]);
            // bits, so that -0 is not 0; one NaN is as good as another
            boolean same = Float.floatToIntBits(expected) == Float.floatToIntBits(rounded[i]);
            if (!same || Double.compare(wide[i], rounded[i]) != 0) {
                wrong++;
            }
        }
        assertThat(wrong).isZero();
    }

    @Test
    void shouldWidenAndNarrowAsTheNaiveTwinsDo() {
        float[] values = new float[1 << 17];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(i * 0x8001); // every exponent, both signs, subnormals, infinities, NaN
        }
        ByteBuffer naive = ByteBuffer.allocate(3 + 4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        naive.position(3);
        for (float value : values) {
            naive.putFloat(value);
        }
        naive.position(3); // as a view into something larger
        Tensor odd = new Tensor(List.of(values.length), DType.F32, naive.slice());
        Tensor direct = new Tensor(
                List.of(values.length),
                DType.F32,
                ByteBuffer.allocateDirect(4 * values.length).put(naive.slice()).flip());
        double[] expected = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            expected[i] = values[i];
        }

        assertThat(Tensors.doubles(odd)).containsExactly(expected);
        assertThat(Tensors.doubles(direct)).containsExactly(expected);

        double[] wide = new double[expected.length];
        float[] narrow = new float[expected.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = expected[i] * (1 + 3e-9 * (i % 40)); // on, just beside and between two neighbours
            narrow[i] = (float) wide[i];
        }
        assertThat(Tensors.narrowed(wide, wide.length)).isEqualTo(Tensors.of(narrow, narrow.length));
        assertThatThrownBy(() -> Tensors.narrowed(wide, 2, 3)).hasMessageContaining("[2, 3]");
    }

    @Test
    void shouldRoundWhatCanBeCheckedByHand() {
        float[] values = {
            1, 1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 1 + 0x1p-8f + 0x1p-23f, -0f, Float.MIN_VALUE, 0x1p-133f, 0x1.8p-134f
        };
        assertThat(Tensors.floats(Tensors.bfloat16(values, values.length)))
                .containsExactly(1, 1, 1 + 0x1p-6f, 1 + 0x1p-7f, -0f, 0, 0x1p-133f, 0x1p-133f);

        float[] extremes = {
            Float.MAX_VALUE,
            -Float.MAX_VALUE,
            (float) LARGEST,
            Math.nextDown(0x1.FFp127f),
            0x1.FFp127f,
            Float.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY,
            Float.NaN,
            Float.intBitsToFloat(0x7f800001), // its digits are all in the half that is cut off
            Float.intBitsToFloat(0xffffffff)
        };
        assertThat(Tensors.floats(Tensors.bfloat16(extremes, extremes.length)))
                .containsExactly(
                        Float.POSITIVE_INFINITY,
                        Float.NEGATIVE_INFINITY,
                        (float) LARGEST,
                        (float) LARGEST,
                        Float.POSITIVE_INFINITY,
                        Float.POSITIVE_INFINITY,
                        Float.NEGATIVE_INFINITY,
                        Float.NaN,
                        Float.NaN,
                        Float.NaN);
    }

    @Test
    void shouldRefuseAShapeThatAsksForOtherThanItsValues() {
        assertThatThrownBy(() -> Tensors.bfloat16(new float[5], 2, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("shape [2, 3] asks for 6 values, found 5");
        Tensor tensor = Tensors.bfloat16(new float[6], 2, 3);
        tensor.setShape(java.util.List.of(2, 2));
        assertThatThrownBy(() -> Tensors.floats(tensor))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("needs 8 bytes, found 12");
    }

    /** By distances to the two neighbours, in double precision, where both are exact. */
    private static float nearest(float value) {
        if (Float.isNaN(value) || Float.isInfinite(value)) {
            return value;
        }
        int below = Float.floatToRawIntBits(value) & 0xffff0000; // towards zero
        int above = below + 0x10000; // away from zero; of the largest: infinity
        double low = Math.abs((double) Float.intBitsToFloat(below));
        double high = low == LARGEST ? 0x1p128 : Math.abs((double) Float.intBitsToFloat(above));
        double size = Math.abs((double) value);
        boolean even = ((below >>> 16) & 1) == 0;
        boolean down = size - low < high - size || (size - low == high - size && even);
        return Float.intBitsToFloat(down ? below : above);
    }
}
