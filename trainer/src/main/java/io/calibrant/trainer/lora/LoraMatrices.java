package io.calibrant.trainer.lora;

import io.calibrant.trainer.model.LinearShape;
import java.util.Optional;

/** The two matrices of one adapted linear map, on the host, float32, row-major; of a DoRA also m. Immutable. */
public final class LoraMatrices {

    private final LinearShape linear;
    private final int rank;
    private final float[] a;
    private final float[] b;
    private final float[] magnitude;

    /**
     * Copies the matrices.
     *
     * @param linear the adapted map; for the head its outputs are the class tokens
     * @param a [r, Din]
     * @param b [Dout, r]
     * @throws IllegalArgumentException if sizes do not fit
     */
    public LoraMatrices(LinearShape linear, int rank, float[] a, float[] b) {
        this(linear, rank, a, b, null);
    }

    /**
     * Copies the matrices of a DoRA.
     *
     * @param linear the adapted map; for the head its outputs are the class tokens
     * @param a [r, Din]
     * @param b [Dout, r]
     * @param magnitude m [Dout]; null for plain LoRA
     * @throws IllegalArgumentException if sizes do not fit
     */
    public LoraMatrices(LinearShape linear, int rank, float[] a, float[] b, float[] magnitude) {
        check(linear.path() + ".lora_A", a.length, rank, linear.inputs());
        check(linear.path() + ".lora_B", b.length, linear.outputs(), rank);
        if (magnitude != null) {
            check(linear.path() + ".lora_magnitude_vector", magnitude.length, linear.outputs(), 1);
        }
        this.linear = linear;
        this.rank = rank;
        this.a = a.clone();
        this.b = b.clone();
        this.magnitude = magnitude == null ? null : magnitude.clone();
    }

    private static void check(String name, int length, int rows, int columns) {
        if (length != (long) rows * columns) {
            throw new IllegalArgumentException(name + ": expected " + rows + "x" + columns + " = "
                    + (long) rows * columns + " numbers, found " + length);
        }
    }

    /**
     * The same map with other matrices.
     *
     * @param newMagnitude null for plain LoRA
     * @throws IllegalArgumentException if sizes do not fit
     */
    LoraMatrices with(float[] newA, float[] newB, float[] newMagnitude) {
        return new LoraMatrices(linear, rank, newA, newB, newMagnitude);
    }

    /** The adapted map; for the head its outputs are the class tokens. */
    public LinearShape linear() {
        return linear;
    }

    /** r. */
    public int rank() {
        return rank;
    }

    /** A copy of lora_A, [r, Din]. */
    public float[] a() {
        return a.clone();
    }

    /** A copy of lora_B, [Dout, r]. */
    public float[] b() {
        return b.clone();
    }

    /** Whether there is m: whether it is a DoRA. */
    boolean hasMagnitude() {
        return magnitude != null;
    }

    /** A copy of m, the lengths that DoRA gives the rows of the adapted weight, [Dout]; empty for plain LoRA. */
    public Optional<float[]> magnitude() {
        return Optional.ofNullable(magnitude).map(float[]::clone);
    }
}
