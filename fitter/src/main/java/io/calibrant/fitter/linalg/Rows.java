package io.calibrant.fitter.linalg;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Rows of numbers, one after the other, as they lie in memory and not copied: float64, or float32 in little-endian
 * bytes, as they come from a topic. Read-only by agreement.
 */
public final class Rows {
    private static final VarHandle FLOATS =
            MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

    private static final double[] NONE = {};

    private final double[] wide;
    private final byte[] narrow;
    private final int offset;
    private final int length;

    private Rows(double[] wide, byte[] narrow, int offset, int length) {
        this.wide = wide;
        this.narrow = narrow;
        this.offset = offset;
        this.length = length;
    }

    /** No rows. */
    public static Rows none() {
        return of(NONE);
    }

    /** Float64. */
    public static Rows of(double[] values) {
        return new Rows(values, null, 0, values.length);
    }

    /**
     * Float32, little-endian.
     *
     * @param bytes from position to limit; on the heap, whatever the buffer's own order
     */
    public static Rows ofFloats(ByteBuffer bytes) {
        return new Rows(null, bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining() / Float.BYTES);
    }

    /** Float64 numbers in float32, each rounded to the nearest. */
    static Rows narrowed(double[] values) {
        byte[] bytes = new byte[Float.BYTES * values.length];
        Kernels.narrow(values, 0, values.length, bytes, 0, Kernels.vectors());
        return new Rows(null, bytes, 0, values.length);
    }

    /** Whether they are float32. */
    boolean narrow() {
        return narrow != null;
    }

    /** The bytes of float32 numbers, little-endian, not copied; null where they are float64. */
    public ByteBuffer floats() {
        return narrow == null
                ? null
                : ByteBuffer.wrap(narrow, offset, Float.BYTES * length).slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** How many numbers. */
    public int length() {
        return length;
    }

    /** All numbers in double precision: the array itself where they lie so. */
    public double[] doubles() {
        if (wide != null) {
            return wide;
        }
        double[] values = new double[length];
        copy(0, length, values, 0);
        return values;
    }

    /** All numbers times a factor, in double precision; a copy. */
    Rows times(double factor) {
        double[] values = new double[length];
        copy(0, length, values, 0);
        Kernels.scale(values, 0, length, factor);
        return of(values);
    }

    /** Numbers from..from + count in double precision. */
    void copy(int from, int count, double[] into, int at) {
        if (wide != null) {
            System.arraycopy(wide, from, into, at, count);
            return;
        }
        int start = offset + Float.BYTES * from;
        int done = Kernels.vectors() ? VectorKernels.widen(narrow, start, count, into, at) : 0;
        for (int i = done; i < count; i++) {
            into[at + i] = (float) FLOATS.get(narrow, start + Float.BYTES * i);
        }
    }
}
