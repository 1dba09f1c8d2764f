package io.calibrant.fitter.linalg;

import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The products of {@link Kernels} by the JDK's Vector API, which is there only where a JVM is started with
 * {@code --add-modules jdk.incubator.vector}. To the bit the same results: four lanes, and the same sums in each.
 *
 * <p>Compiled apart, as the compiler warns of the incubating module and nothing can tell it not to.
 */
final class VectorKernels {
    private static final VectorSpecies<Double> FOUR = DoubleVector.SPECIES_256;
    private static final VectorSpecies<Float> NARROW = FloatVector.SPECIES_128;
    private static final int LANES = 4;

    private VectorKernels() {}

    /** Whether this processor has four lanes; what has fewer would compute them one by one, far slower than plain Java. */
    static boolean fits() {
        return DoubleVector.SPECIES_PREFERRED.length() >= LANES;
    }

    /**
     * The first numbers of float32 in double precision.
     *
     * @return how many: all but the last up to three
     */
    static int widen(byte[] bytes, int from, int count, double[] into, int at) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector narrow =
                    FloatVector.fromByteArray(NARROW, bytes, from + Float.BYTES * i, ByteOrder.LITTLE_ENDIAN);
            ((DoubleVector) narrow.convertShape(VectorOperators.F2D, FOUR, 0)).intoArray(into, at + i);
        }
        return i;
    }

    /** See {@link Kernels#addGram}. */
    static void addGram(double[] a, int at, int pitch, int p, int width, double[] k) {
        int whole = p - p % 3;
        for (int i = 0; i < whole; i += 3) {
            for (int j = i; j < whole; j += 3) {
                tile(a, at + i * pitch, at + j * pitch, pitch, width, k, i * p + j, p);
            }
        }
        for (int j = whole; j < p; j++) {
            for (int i = 0; i <= j; i++) {
                k[i * p + j] += dot(a, at + i * pitch, at + j * pitch, width);
            }
        }
    }

    /** Three by three entries of k [p, p] from {@code at}: += the dot products of the three rows from x with those from y. */
    private static void tile(double[] a, int x, int y, int pitch, int width, double[] k, int at, int p) {
        DoubleVector s00 = DoubleVector.zero(FOUR);
        DoubleVector s01 = s00;
        DoubleVector s02 = s00;
        DoubleVector s10 = s00;
        DoubleVector s11 = s00;
        DoubleVector s12 = s00;
        DoubleVector s20 = s00;
        DoubleVector s21 = s00;
        DoubleVector s22 = s00;
        int c = 0;
        for (; c <= width - LANES; c += LANES) {
            DoubleVector x0 = DoubleVector.fromArray(FOUR, a, x + c);
            DoubleVector x1 = DoubleVector.fromArray(FOUR, a, x + pitch + c);
            DoubleVector x2 = DoubleVector.fromArray(FOUR, a, x + 2 * pitch + c);
            DoubleVector y0 = DoubleVector.fromArray(FOUR, a, y + c);
            s00 = x0.fma(y0, s00);
            s10 = x1.fma(y0, s10);
            s20 = x2.fma(y0, s20);
            DoubleVector y1 = DoubleVector.fromArray(FOUR, a, y + pitch + c);
            s01 = x0.fma(y1, s01);
            s11 = x1.fma(y1, s11);
            s21 = x2.fma(y1, s21);
            DoubleVector y2 = DoubleVector.fromArray(FOUR, a, y + 2 * pitch + c);
            s02 = x0.fma(y2, s02);
            s12 = x1.fma(y2, s12);
            s22 = x2.fma(y2, s22);
        }
        k[at] += sum(s00, a, x, y, c, width);
        k[at + 1] += sum(s01, a, x, y + pitch, c, width);
        k[at + 2] += sum(s02, a, x, y + 2 * pitch, c, width);
        k[at + p] += sum(s10, a, x + pitch, y, c, width);
        k[at + p + 1] += sum(s11, a, x + pitch, y + pitch, c, width);
        k[at + p + 2] += sum(s12, a, x + pitch, y + 2 * pitch, c, width);
        k[at + 2 * p] += sum(s20, a, x + 2 * pitch, y, c, width);
        k[at + 2 * p + 1] += sum(s21, a, x + 2 * pitch, y + pitch, c, width);
        k[at + 2 * p + 2] += sum(s22, a, x + 2 * pitch, y + 2 * pitch, c, width);
    }

    private static double dot(double[] a, int x, int y, int width) {
        DoubleVector s = DoubleVector.zero(FOUR);
        int c = 0;
        for (; c <= width - LANES; c += LANES) {
            s = DoubleVector.fromArray(FOUR, a, x + c).fma(DoubleVector.fromArray(FOUR, a, y + c), s);
        }
        return sum(s, a, x, y, c, width);
    }

    /** The lanes together, with the last columns, fewer than four, in the first of them. */
    private static double sum(DoubleVector lanes, double[] a, int x, int y, int rest, int to) {
        double s0 = lanes.lane(0);
        double s1 = lanes.lane(1);
        double s2 = lanes.lane(2);
        if (rest < to) {
            s0 = Math.fma(a[x + rest], a[y + rest], s0);
        }
        if (rest + 1 < to) {
            s1 = Math.fma(a[x + rest + 1], a[y + rest + 1], s1);
        }
        if (rest + 2 < to) {
            s2 = Math.fma(a[x + rest + 2], a[y + rest + 2], s2);
        }
        return (s0 + s1) + (s2 + lanes.lane(3));
    }

    /** See {@link Kernels#combine}. */
    static void combine(
            double[] v, int k, double[] a, int at, int pitch, int p, int width, double[] out, int to, int d) {
        int vectors = width - width % (2 * LANES);
        int fives = k - k % 5;
        for (int c = 0; c < vectors; c += 2 * LANES) {
            for (int i = 0; i < fives; i += 5) {
                five(v, i * p, p, a, at + c, pitch, out, to + i * d + c, d);
            }
            for (int i = fives; i < k; i++) {
                one(v, i * p, p, a, at + c, pitch, out, to + i * d + c);
            }
        }
        for (int i = 0; i < k; i++) {
            for (int c = vectors; c < width; c++) {
                double sum = 0;
                for (int j = 0; j < p; j++) {
                    sum = Math.fma(a[at + j * pitch + c], v[i * p + j], sum);
                }
                out[to + i * d + c] = sum;
            }
        }
    }

    /** Eight columns of five rows of the result: combinations of the rows from x, by five rows of v. */
    private static void five(double[] v, int at, int p, double[] a, int x, int pitch, double[] out, int to, int d) {
        DoubleVector s0 = DoubleVector.zero(FOUR);
        DoubleVector s1 = s0;
        DoubleVector s2 = s0;
        DoubleVector s3 = s0;
        DoubleVector s4 = s0;
        DoubleVector t0 = s0;
        DoubleVector t1 = s0;
        DoubleVector t2 = s0;
        DoubleVector t3 = s0;
        DoubleVector t4 = s0;
        for (int j = 0; j < p; j++) {
            DoubleVector low = DoubleVector.fromArray(FOUR, a, x + j * pitch);
            DoubleVector high = DoubleVector.fromArray(FOUR, a, x + j * pitch + LANES);
            DoubleVector f = DoubleVector.broadcast(FOUR, v[at + j]);
            s0 = low.fma(f, s0);
            t0 = high.fma(f, t0);
            f = DoubleVector.broadcast(FOUR, v[at + p + j]);
            s1 = low.fma(f, s1);
            t1 = high.fma(f, t1);
            f = DoubleVector.broadcast(FOUR, v[at + 2 * p + j]);
            s2 = low.fma(f, s2);
            t2 = high.fma(f, t2);
            f = DoubleVector.broadcast(FOUR, v[at + 3 * p + j]);
            s3 = low.fma(f, s3);
            t3 = high.fma(f, t3);
            f = DoubleVector.broadcast(FOUR, v[at + 4 * p + j]);
            s4 = low.fma(f, s4);
            t4 = high.fma(f, t4);
        }
        s0.intoArray(out, to);
        t0.intoArray(out, to + LANES);
        s1.intoArray(out, to + d);
        t1.intoArray(out, to + d + LANES);
        s2.intoArray(out, to + 2 * d);
        t2.intoArray(out, to + 2 * d + LANES);
        s3.intoArray(out, to + 3 * d);
        t3.intoArray(out, to + 3 * d + LANES);
        s4.intoArray(out, to + 4 * d);
        t4.intoArray(out, to + 4 * d + LANES);
    }

    private static void one(double[] v, int at, int p, double[] a, int x, int pitch, double[] out, int to) {
        DoubleVector s = DoubleVector.zero(FOUR);
        DoubleVector t = s;
        for (int j = 0; j < p; j++) {
            DoubleVector f = DoubleVector.broadcast(FOUR, v[at + j]);
            s = DoubleVector.fromArray(FOUR, a, x + j * pitch).fma(f, s);
            t = DoubleVector.fromArray(FOUR, a, x + j * pitch + LANES).fma(f, t);
        }
        s.intoArray(out, to);
        t.intoArray(out, to + LANES);
    }
}
