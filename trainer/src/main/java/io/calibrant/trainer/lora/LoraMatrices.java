package io.calibrant.trainer.lora;

import io.calibrant.trainer.model.LinearShape;

/** The two matrices of one adapted linear map, on the host, float32, row-major. Immutable. */
public final class LoraMatrices {

    private final LinearShape linear;
    private final int rank;
    private final float[] a;
    private final float[] b;

    /**
     * Copies the matrices.
     *
     * @param linear the adapted map; for the head its outputs are the class tokens
     * @param a [r, Din]
     * @param b [Dout, r]
     * @throws IllegalArgumentException if sizes do not fit
     */
    public LoraMatrices(LinearShape linear, int rank, float[] a, float[] b) {
        check(linear.path() + ".lora_A", a.length, rank, linear.inputs());
        check(linear.path() + ".lora_B", b.length, linear.outputs(), rank);
        this.linear = linear;
        this.rank = rank;
        this.a = a.clone();
        this.b = b.clone();
    }

    private static void check(String name, int length, int rows, int columns) {
        if (length != (long) rows * columns) {
            throw new IllegalArgumentException(name + ": expected " + rows + "x" + columns + " = "
                    + (long) rows * columns + " numbers, found " + length);
        }
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
}
