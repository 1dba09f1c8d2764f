package io.calibrant.trainer.safetensors;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Conversion of little-endian file bytes to float32. */
final class Floats {

    private static final int HALVES = 1 << 16;

    private Floats() {}

    /** Converts all of {@code source}, elements of {@code type}, into {@code target}; both positions advance. */
    static void convert(ElementType type, ByteBuffer source, FloatBuffer target) {
        source.order(ByteOrder.LITTLE_ENDIAN);
        int n = source.remaining() / type.bytes();
        float[] values = new float[n];
        switch (type) {
            case F32 -> source.asFloatBuffer().get(values);
            case F64 -> {
                double[] wide = new double[n];
                source.asDoubleBuffer().get(wide);
                for (int i = 0; i < n; i++) {
                    values[i] = (float) wide[i];
                }
            }
            case F16 -> {
                short[] halves = new short[n];
                source.asShortBuffer().get(halves);
                float[] table = HalfTable.VALUES;
                for (int i = 0; i < n; i++) {
                    values[i] = table[halves[i] & 0xffff];
                }
            }
            case BF16 -> {
                short[] halves = new short[n];
                source.asShortBuffer().get(halves);
                for (int i = 0; i < n; i++) {
                    values[i] = Float.intBitsToFloat(halves[i] << 16);
                }
            }
            default -> throw new IllegalArgumentException(type + " is not a floating-point type");
        }
        source.position(source.limit());
        target.put(values);
    }

    /** The first element in a range that is NaN or infinite; -1 for none. */
    static int firstNotFinite(FloatBuffer values, int from, int to) {
        for (int i = from; i < to; i++) {
            if (!Float.isFinite(values.get(i))) {
                return i;
            }
        }
        return -1;
    }

    /** IEEE 754 half to single; Java 17 has no intrinsic. */
    static float halfToFloat(int half) {
        int sign = half >>> 15;
        int exponent = half >>> 10 & 0x1f;
        int fraction = half & 0x3ff;
        double magnitude;
        if (exponent == 0) {
            magnitude = fraction * 0x1p-24; // zero and subnormals
        } else if (exponent < 0x1f) {
            magnitude = (1024 + fraction) * Math.scalb(1.0, exponent - 25);
        } else {
            magnitude = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
        }
        return (float) (sign == 0 ? magnitude : -magnitude);
    }

    /** All 65,536 halves, made when the first float16 file is read. */
    private static final class HalfTable {
        static final float[] VALUES = new float[HALVES];

        static {
            for (int i = 0; i < HALVES; i++) {
                VALUES[i] = halfToFloat(i);
            }
        }
    }
}
