package io.calibrant.schemas;

import io.calibrant.schemas.avro.DType;
import io.calibrant.schemas.avro.Tensor;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Tensors in records: row-major, little-endian, F32, BF16 or F64. */
public final class Tensors {
    private static final VarHandle FLOATS =
            MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

    private Tensors() {}

    /**
     * A float32 tensor.
     *
     * @param values row-major, as many as the product of the shape
     * @throws IllegalArgumentException if the shape asks for another number of values
     */
    public static Tensor of(float[] values, int... shape) {
        check(values.length, shape);
        ByteBuffer data = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asFloatBuffer().put(values);
        return new Tensor(list(shape), DType.F32, data);
    }

    /** A float32 tensor of given little-endian bytes, which are not copied; see {@link #of(float[], int...)}. */
    public static Tensor ofFloats(ByteBuffer data, int... shape) {
        check(data.remaining() / Float.BYTES, shape);
        return new Tensor(list(shape), DType.F32, data);
    }

    /** A float32 tensor of double precision numbers, each rounded to the nearest; see {@link #of(float[], int...)}. */
    public static Tensor narrowed(double[] values, int... shape) {
        check(values.length, shape);
        byte[] data = new byte[Float.BYTES * values.length];
        for (int i = 0; i < values.length; i++) {
            FLOATS.set(data, Float.BYTES * i, (float) values[i]);
        }
        return new Tensor(list(shape), DType.F32, ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN));
    }

    /** A float64 tensor; see {@link #of(float[], int...)}. */
    public static Tensor of(double[] values, int... shape) {
        check(values.length, shape);
        ByteBuffer data = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asDoubleBuffer().put(values);
        return new Tensor(list(shape), DType.F64, data);
    }

    /**
     * A bfloat16 tensor: each value rounded to the nearest, ties to even; one that is no number stays so. See
     * {@link #of(float[], int...)}.
     */
    public static Tensor bfloat16(float[] values, int... shape) {
        check(values.length, shape);
        ByteBuffer data = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            int bits = Float.floatToIntBits(value); // every NaN as the one whose upper half is one, too
            data.putShort((short) ((Float.isNaN(value) ? bits : bits + 0x7fff + (bits >>> 16 & 1)) >>> 16));
        }
        return new Tensor(list(shape), DType.BF16, data.flip());
    }

    /**
     * The bytes of a tensor, not copied, little-endian: as many as shape and dtype ask for.
     *
     * @throws IllegalArgumentException if they are not
     */
    public static ByteBuffer bytes(Tensor tensor) {
        count(tensor);
        return unchecked(tensor);
    }

    private static ByteBuffer unchecked(Tensor tensor) {
        return tensor.getData().duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * The values of a tensor in double precision.
     *
     * @throws IllegalArgumentException if the bytes are not what shape and dtype ask for; whether the values are finite
     *     is the caller's to check
     */
    public static double[] doubles(Tensor tensor) {
        int count = count(tensor);
        ByteBuffer data = unchecked(tensor);
        double[] values = new double[count];
        switch (tensor.getDtype()) {
            case F64 -> data.asDoubleBuffer().get(values);
            case F32 -> {
                if (data.hasArray()) {
                    widen(data.array(), data.arrayOffset() + data.position(), values);
                } else {
                    for (int i = 0; i < count; i++) {
                        values[i] = data.getFloat();
                    }
                }
            }
            case BF16 -> {
                for (int i = 0; i < count; i++) {
                    values[i] = Float.intBitsToFloat(data.getShort() << 16);
                }
            }
        }
        return values;
    }

    /** Bulk copy: four times as fast as reading the buffer number by number. */
    private static void widen(byte[] bytes, int from, double[] values) {
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) FLOATS.get(bytes, from + Float.BYTES * i);
        }
    }

    /** The values of a tensor in single precision; see {@link #doubles}. */
    public static float[] floats(Tensor tensor) {
        int count = count(tensor);
        float[] values = new float[count];
        if (tensor.getDtype() == DType.F32) {
            unchecked(tensor).asFloatBuffer().get(values);
            return values;
        }
        double[] wide = doubles(tensor);
        for (int i = 0; i < count; i++) {
            values[i] = (float) wide[i];
        }
        return values;
    }

    private static int count(Tensor tensor) {
        long count = 1;
        for (int extent : tensor.getShape()) {
            if (extent < 0) {
                throw new IllegalArgumentException("tensor shape " + tensor.getShape() + " has a negative extent");
            }
            count = Math.min(count * extent, Integer.MAX_VALUE + 1L);
        }
        long width = switch (tensor.getDtype()) {
            case F64 -> 8;
            case F32 -> 4;
            case BF16 -> 2;
        };
        if (count * width != tensor.getData().remaining()) {
            throw new IllegalArgumentException("tensor of shape " + tensor.getShape() + " and dtype "
                    + tensor.getDtype() + " needs " + count * width + " bytes, found "
                    + tensor.getData().remaining());
        }
        return (int) count;
    }

    private static void check(int values, int... shape) {
        long count = 1;
        for (int extent : shape) {
            count *= extent;
        }
        if (count != values) {
            throw new IllegalArgumentException(
                    "shape " + list(shape) + " asks for " + count + " values, found " + values);
        }
    }

    private static List<Integer> list(int... shape) {
        List<Integer> list = new ArrayList<>(shape.length);
        for (int extent : shape) {
            list.add(extent);
        }
        return list;
    }
}
