package io.calibrant.trainer.safetensors;

import java.util.Arrays;
import java.util.Optional;

/** The element types of safetensors, by their names in the file's header. */
public enum ElementType {
    /** IEEE 754 double. */
    F64(8),
    /** IEEE 754 single. */
    F32(4),
    /** IEEE 754 half. */
    F16(2),
    /** The upper half of an IEEE 754 single. */
    BF16(2),
    /** Signed 64-bit integer. */
    I64(8),
    /** Signed 32-bit integer. */
    I32(4),
    /** Signed 16-bit integer. */
    I16(2),
    /** Signed byte. */
    I8(1),
    /** Unsigned 64-bit integer. */
    U64(8),
    /** Unsigned 32-bit integer. */
    U32(4),
    /** Unsigned 16-bit integer. */
    U16(2),
    /** Unsigned byte. */
    U8(1),
    /** One byte a truth value. */
    BOOL(1);

    private final int bytes;

    ElementType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    /** Whether the elements are floating-point numbers. */
    public boolean isFloatingPoint() {
        return this == F64 || this == F32 || this == F16 || this == BF16;
    }

    /**
     * The number of this type that is nearest to another one, of two that are as near the one whose last bit is 0; F32,
     * BF16 and F16 only. What is too large becomes infinite.
     *
     * @throws IllegalArgumentException for other types
     */
    public float nearest(float number) {
        return switch (this) {
            case F32 -> number;
            case BF16 -> Float.isNaN(number) ? number : withoutLastBits(number, 16);
            case F16 -> Float.isNaN(number) ? number : nearestHalf(number);
            default -> throw new IllegalArgumentException(this + " is not one of F32, BF16, F16");
        };
    }

    private static float nearestHalf(float number) {
        if (Math.abs(number) < 0x1p-14f) {
            return (float) (Math.rint(number * 0x1p24) * 0x1p-24); // subnormal: multiples of 2^-24
        }
        float rounded = withoutLastBits(number, 13);
        return Math.abs(rounded) < 0x1p16f ? rounded : Math.copySign(Float.POSITIVE_INFINITY, number);
    }

    private static float withoutLastBits(float number, int count) {
        int bits = Float.floatToRawIntBits(number);
        int half = (1 << (count - 1)) - 1;
        return Float.intBitsToFloat((bits + half + (bits >>> count & 1)) & (-1 << count));
    }

    static Optional<ElementType> named(String name) {
        return Arrays.stream(values()).filter(t -> t.name().equals(name)).findFirst();
    }
}
