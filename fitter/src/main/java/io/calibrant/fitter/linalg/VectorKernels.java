package io.calibrant.fitter.linalg;

import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The products of {@link Kernels} by the JDK's Vector API, which is there only where a JVM is started with
 * {@code --add-modules jdk.incubator.vector}. To the bit the same results: the same sums in each of the eight lanes,
 * which lie in one register or in two.
 *
 * <p>Compiled apart, as the compiler warns of the incubating module and nothing can tell it not to.
 */
final class VectorKernels {
    private static final VectorSpecies<Double> WIDE = DoubleVector.SPECIES_PREFERRED.length() >= Kernels.LANES
            ? DoubleVector.SPECIES_512
            : DoubleVector.SPECIES_256;
    private static final VectorSpecies<Float> NARROW =
            WIDE.length() == Kernels.LANES ? FloatVector.SPECIES_256 : FloatVector.SPECIES_128;

    /** Of a register. */
    private static final int LANES = WIDE.length();

    /**
     * The fewest that a processor should have; what has less would compute them one by one, far slower than plain Java.
     */
    private static final int FEWEST = 4;

    private VectorKernels() {}

    /** Whether this processor has registers that are wide enough. */
    static boolean fits() {
        return DoubleVector.SPECIES_PREFERRED.length() >= FEWEST;
    }

    /**
     * The first numbers of float32 in double precision.
     *
     * @return how many: all but the last few
     */
    static int widen(byte[] bytes, int from, int count, double[] into, int at) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector narrow =
                    FloatVector.fromByteArray(NARROW, bytes, from + Float.BYTES * i, ByteOrder.LITTLE_ENDIAN);
            ((DoubleVector) narrow.convertShape(VectorOperators.F2D, WIDE, 0)).intoArray(into, at + i);
        }
        return i;
    }

    /**
     * The first numbers in float32.
     *
     * @return how many: all but the last few
     */
    static int narrow(double[] a, int from, int count, byte[] into, int at) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            DoubleVector wide = DoubleVector.fromArray(WIDE, a, from + i);
            ((FloatVector) wide.convertShape(VectorOperators.D2F, NARROW, 0))
                    .intoByteArray(into, at + Float.BYTES * i, ByteOrder.LITTLE_ENDIAN);
        }
        return i;
    }

    /** See {@link Kernels#addSquares}; of a multiple of eight numbers. */
    static void addSquares(double[] a, int from, int count, double[] sums, int to) {
        for (int lane = 0; lane < Kernels.LANES; lane += LANES) {
            add(a, from + lane, from + lane, count, sums, to + lane);
        }
    }

    /** See {@link Kernels#addGram}. */
    static void addGram(double[] a, int pitch, int band, int p, int width, double[] sums) {
        int whole = p - p % 3;
        int row = Kernels.LANES * p;
        for (int lane = 0; lane < Kernels.LANES; lane += LANES) {
            for (int i = 0; i < Math.min(band, whole); i += 3) {
                for (int j = i; j < whole; j += 3) {
                    int to = Kernels.LANES * (i * p + j) + lane;
                    tile(a, i * pitch + lane, j * pitch + lane, pitch, width, sums, to, row);
                }
            }
            for (int j = whole; j < p; j++) {
                for (int i = 0; i < Math.min(band, j + 1); i++) {
                    int to = Kernels.LANES * (i * p + j) + lane;
                    add(a, i * pitch + lane, j * pitch + lane, width, sums, to);
                }
            }
        }
    }

    /** Nine sums, three in a row from {@code to}: += the products of the three rows from x with those from y. */
    private static void tile(double[] a, int x, int y, int pitch, int width, double[] sums, int to, int row) {
        DoubleVector s00 = DoubleVector.fromArray(WIDE, sums, to);
        DoubleVector s01 = DoubleVector.fromArray(WIDE, sums, to + Kernels.LANES);
        DoubleVector s02 = DoubleVector.fromArray(WIDE, sums, to + 2 * Kernels.LANES);
        DoubleVector s10 = DoubleVector.fromArray(WIDE, sums, to + row);
        DoubleVector s11 = DoubleVector.fromArray(WIDE, sums, to + row + Kernels.LANES);
        DoubleVector s12 = DoubleVector.fromArray(WIDE, sums, to + row + 2 * Kernels.LANES);
        DoubleVector s20 = DoubleVector.fromArray(WIDE, sums, to + 2 * row);
        DoubleVector s21 = DoubleVector.fromArray(WIDE, sums, to + 2 * row + Kernels.LANES);
        DoubleVector s22 = DoubleVector.fromArray(WIDE, sums, to + 2 * row + 2 * Kernels.LANES);
        for (int c = 0; c <= width - Kernels.LANES; c += Kernels.LANES) {
            DoubleVector x0 = DoubleVector.fromArray(WIDE, a, x + c);
            DoubleVector x1 = DoubleVector.fromArray(WIDE, a, x + pitch + c);
            DoubleVector x2 = DoubleVector.fromArray(WIDE, a, x + 2 * pitch + c);
            DoubleVector y0 = DoubleVector.fromArray(WIDE, a, y + c);
            s00 = x0.fma(y0, s00);
            s10 = x1.fma(y0, s10);
            s20 = x2.fma(y0, s20);
            DoubleVector y1 = DoubleVector.fromArray(WIDE, a, y + pitch + c);
            s01 = x0.fma(y1, s01);
            s11 = x1.fma(y1, s11);
            s21 = x2.fma(y1, s21);
            DoubleVector y2 = DoubleVector.fromArray(WIDE, a, y + 2 * pitch + c);
            s02 = x0.fma(y2, s02);
            s12 = x1.fma(y2, s12);
            s22 = x2.fma(y2, s22);
        }
        s00.intoArray(sums, to);
        s01.intoArray(sums, to + Kernels.LANES);
        s02.intoArray(sums, to + 2 * Kernels.LANES);
        s10.intoArray(sums, to + row);
        s11.intoArray(sums, to + row + Kernels.LANES);
        s12.intoArray(sums, to + row + 2 * Kernels.LANES);
        s20.intoArray(sums, to + 2 * row);
        s21.intoArray(sums, to + 2 * row + Kernels.LANES);
        s22.intoArray(sums, to + 2 * row + 2 * Kernels.LANES);
    }

    private static void add(double[] a, int x, int y, int width, double[] sums, int to) {
        DoubleVector s = DoubleVector.fromArray(WIDE, sums, to);
        for (int c = 0; c <= width - Kernels.LANES; c += Kernels.LANES) {
            s = DoubleVector.fromArray(WIDE, a, x + c).fma(DoubleVector.fromArray(WIDE, a, y + c), s);
        }
        s.intoArray(sums, to);
    }

    /**
     * Turns two rows of n numbers, one after the other, in their plane: (x, y) becomes (c x - s y, s x + c y).
     *
     * @return how many numbers of each: all but the last few
     */
    static int rotate(double[] a, int at, int n, double c, double s) {
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            DoubleVector x = DoubleVector.fromArray(WIDE, a, at + i);
            DoubleVector y = DoubleVector.fromArray(WIDE, a, at + n + i);
            x.mul(s).add(y.mul(c)).intoArray(a, at + n + i);
            x.mul(c).sub(y.mul(s)).intoArray(a, at + i);
        }
        return i;
    }

    /** See {@link Kernels#combine}. */
    static void combine(double[] v, int k, double[] a, int pitch, int p, int width, double[] out, int to, int d) {
        int vectors = width - width % (2 * LANES);
        int fives = k - k % 5;
        for (int c = 0; c < vectors; c += 2 * LANES) {
            for (int i = 0; i < fives; i += 5) {
                five(v, i * p, p, a, c, pitch, out, to + i * d + c, d);
            }
            for (int i = fives; i < k; i++) {
                one(v, i * p, p, a, c, pitch, out, to + i * d + c);
            }
        }
        for (int i = 0; i < k; i++) {
            for (int c = vectors; c < width; c++) {
                double sum = 0;
                for (int j = 0; j < p; j++) {
                    sum = Math.fma(a[j * pitch + c], v[i * p + j], sum);
                }
                out[to + i * d + c] = sum;
            }
        }
    }

    /** Two registers of columns of five rows of the result: combinations of the rows from x, by five rows of v. */
    private static void five(double[] v, int at, int p, double[] a, int x, int pitch, double[] out, int to, int d) {
        DoubleVector s0 = DoubleVector.zero(WIDE);
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
            DoubleVector low = DoubleVector.fromArray(WIDE, a, x + j * pitch);
            DoubleVector high = DoubleVector.fromArray(WIDE, a, x + j * pitch + LANES);
            DoubleVector f = DoubleVector.broadcast(WIDE, v[at + j]);
            s0 = low.fma(f, s0);
            t0 = high.fma(f, t0);
            f = DoubleVector.broadcast(WIDE, v[at + p + j]);
            s1 = low.fma(f, s1);
            t1 = high.fma(f, t1);
            f = DoubleVector.broadcast(WIDE, v[at + 2 * p + j]);
            s2 = low.fma(f, s2);
            t2 = high.fma(f, t2);
            f = DoubleVector.broadcast(WIDE, v[at + 3 * p + j]);
            s3 = low.fma(f, s3);
            t3 = high.fma(f, t3);
            f = DoubleVector.broadcast(WIDE, v[at + 4 * p + j]);
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
        DoubleVector s = DoubleVector.zero(WIDE);
        DoubleVector t = s;
        for (int j = 0; j < p; j++) {
            DoubleVector f = DoubleVector.broadcast(WIDE, v[at + j]);
            s = DoubleVector.fromArray(WIDE, a, x + j * pitch).fma(f, s);
            t = DoubleVector.fromArray(WIDE, a, x + j * pitch + LANES).fma(f, t);
        }
        s.intoArray(out, to);
        t.intoArray(out, to + LANES);
    }
}
