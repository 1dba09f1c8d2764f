package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Reduces many rows R [m, d] to at most l = 2k rows whose R^T R is nearly the best of that rank, where the rows are
 * (method.md section 3): randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4). Only l x l
 * matrices and the result come to the host.
 */
final class RowReduction {
    /** Two power steps are enough (method.md section 3). */
    static final int THOROUGH = 2;

    /** One is needed. */
    static final int QUICK = 1;

    /** Gram eigenvalues below this share of the largest are float32 rounding, not directions. */
    private static final double ROUNDING = 1e-12;

    /** A row of which the others leave less than this share of its square is not told from them by one Cholesky. */
    private static final double DEPENDENT = 1e-10;

    private RowReduction() {}

    /**
     * Rows with (nearly) the same R^T R as these.
     *
     * <ul>
     *   <li>k is null, or m at most 2k: the rows themselves;
     *   <li>d at most 2k: an exact root of R^T R, at most d rows;
     *   <li>else at most 2k rows Q^T R, Q an orthonormal basis [m, 2k] of the leading directions.
     * </ul>
     *
     * @param rows [m, d] float32, neither modified nor closed; must not record gradients
     * @param rank k; null for no reduction
     * @param powerSteps {@link #THOROUGH} or {@link #QUICK}
     * @param seed decides what is drawn: the same rows and seed give the same bytes
     */
    static FactorRows reduce(NDArray rows, Integer rank, int powerSteps, long seed) {
        int m = Math.toIntExact(rows.getShape().get(0));
        int d = Math.toIntExact(rows.getShape().get(1));
        if (rank == null || m <= 2 * rank) {
            return unreduced(rows);
        }
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            return d <= 2 * rank ? root(rows, d) : leading(rows, d, 2 * rank, powerSteps, seed);
        }
    }

    /**
     * The same for several blocks whose rows have one shape, as one batched product a step. Of a block the result is
     * that of {@link #reduce} but for the rounding of the products; the same blocks and seeds give the same bytes.
     *
     * @param blocks rows of each, [m, d] float32
     * @param seeds of each
     */
    static List<FactorRows> reduceAll(List<NDArray> blocks, Integer rank, int powerSteps, long[] seeds) {
        long m = blocks.get(0).getShape().get(0);
        long d = blocks.get(0).getShape().get(1);
        FactorRows[] reduced = new FactorRows[blocks.size()];
        if (blocks.size() > 1 && rank != null && m > 2 * rank && d > 2 * rank) {
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                leading(blocks, 2 * rank, powerSteps, seeds, reduced);
            }
        }
        for (int i = 0; i < reduced.length; i++) {
            if (reduced[i] == null) {
                reduced[i] = reduce(blocks.get(i), rank, powerSteps, seeds[i]);
            }
        }
        return List.of(reduced);
    }

    /** The rows themselves; see {@link #reduce}. */
    static FactorRows unreduced(NDArray rows) {
        int m = Math.toIntExact(rows.getShape().get(0));
        int d = Math.toIntExact(rows.getShape().get(1));
        float[] values = m == 0 ? new float[0] : rows.toFloatArray();
        return new FactorRows(values, m, d, squares(values));
    }

    private static double squares(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return sum;
    }

    private static FactorRows root(NDArray rows, int d) {
        double[] gram = gram(rows.toType(DataType.FLOAT64, false).transpose());
        double trace = 0;
        for (int i = 0; i < d; i++) {
            trace += gram[i * d + i];
        }
        double[] root = new GramEigen(gram, d).scaled(0, 0.5);
        float[] values = new float[root.length];
        for (int i = 0; i < root.length; i++) {
            values[i] = (float) root[i];
        }
        return new FactorRows(values, values.length / d, d, trace);
    }

    private static FactorRows leading(NDArray rows, int d, int columns, int powerSteps, long seed) {
        double trace = 0;
        for (float norm : rows.norm(new int[] {1}).toFloatArray()) {
            trace += (double) norm * norm;
        }
        if (trace == 0) {
            return new FactorRows(new float[0], 0, d, 0);
        }
        double unit = 1 / Math.sqrt(trace); // keeps products of rows as small as a saturated model's within float32
        // Everything is stored transposed, [l, m] and [l, d]: the library's products take long rows faster than long
        // columns.
        NDArray transposed = rows.transpose();
        float[] drawn = new float[columns * d];
        signs(drawn, 0, d, columns, (float) unit, seed);
        NDArray basis = rows.getManager().create(drawn, new Shape(columns, d)).matMul(transposed);
        for (int step = 0; step < powerSteps; step++) {
            // A quick step squares the spread of the rows' sizes once more before it brings them apart: of a
            // direction a thousand times smaller than the largest float32 leaves less.
            NDArray left = powerSteps == QUICK ? basis : orthonormal(basis, 1);
            NDArray right = left == null ? null : orthonormal(left.matMul(rows), unit);
            if (right == null) {
                return new FactorRows(new float[0], 0, d, trace);
            }
            basis = right.matMul(transposed);
        }
        basis = orthonormal(basis, 1);
        if (basis == null) {
            return new FactorRows(new float[0], 0, d, trace);
        }
        float[] values = basis.matMul(rows).toFloatArray();
        return new FactorRows(values, values.length / d, d, trace);
    }

    /** {@link #leading} of all whose rows are independent enough for one Cholesky; the others stay null. */
    private static void leading(List<NDArray> blocks, int columns, int powerSteps, long[] seeds, FactorRows[] reduced) {
        NDArray rows = NDArrays.stack(new NDList(blocks));
        int count = blocks.size();
        int m = Math.toIntExact(rows.getShape().get(1));
        int d = Math.toIntExact(rows.getShape().get(2));
        double[] traces = new double[count];
        double[] units = new double[count];
        float[] drawn = new float[count * columns * d];
        float[] norms = rows.norm(new int[] {2}).toFloatArray();
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < m; j++) {
                traces[i] += (double) norms[i * m + j] * norms[i * m + j];
            }
            units[i] = traces[i] == 0 ? 0 : 1 / Math.sqrt(traces[i]);
            signs(drawn, i * columns * d, d, columns, (float) units[i], seeds[i]);
        }
        double[] ones = new double[count];
        Arrays.fill(ones, 1);
        boolean[] dependent = new boolean[count];
        NDArray transposed = rows.transpose(0, 2, 1);
        NDArray basis =
                rows.getManager().create(drawn, new Shape(count, columns, d)).matMul(transposed);
        for (int step = 0; step < powerSteps; step++) {
            NDArray left = powerSteps == QUICK ? basis : orthonormal(basis, ones, dependent);
            basis = orthonormal(left.matMul(rows), units, dependent).matMul(transposed);
        }
        float[] values = orthonormal(basis, ones, dependent).matMul(rows).toFloatArray();
        for (int i = 0; i < count; i++) {
            if (!dependent[i]) {
                float[] own = Arrays.copyOfRange(values, i * columns * d, (i + 1) * columns * d);
                reduced[i] = new FactorRows(own, columns, d, traces[i]);
            }
        }
    }

    /**
     * Omega^T [l, d]: numbers of one size and random signs, as good as normal ones here and 64 of them in one draw.
     *
     * @param values take them from this place on
     */
    private static void signs(float[] values, int from, int d, int columns, float size, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int one = Float.floatToRawIntBits(size);
        long bits = 0;
        int left = 0;
        for (int i = 0; i < d; i++) {
            for (int j = 0; j < columns; j++) {
                if (left == 0) {
                    bits = random.nextLong();
                    left = 64;
                }
                values[from + j * d + i] = Float.intBitsToFloat(one | ((int) bits << 31));
                bits >>>= 1;
                left--;
            }
        }
    }

    /**
     * An orthonormal basis of what a few long rows span by Cholesky-QR (Yamamoto et al. 2015), in double precision:
     * where the rows are independent a single round of it is orthonormal to float32's rounding.
     *
     * @param size of the basis's rows
     * @return float32 [at most l, m]; null if all rows are zero
     */
    private static NDArray orthonormal(NDArray rows, double size) {
        NDArray wide = rows.toType(DataType.FLOAT64, false);
        int count = Math.toIntExact(wide.getShape().get(0));
        double[] gram = gram(wide);
        double[] inverseRoot = CholeskyInverse.of(gram, count, DEPENDENT);
        NDArray basis = inverseRoot == null
                ? dependent(wide, gram)
                : wide.getManager().create(inverseRoot, new Shape(count, count)).matMul(wide);
        if (basis == null) {
            return null;
        }
        NDArray narrow = basis.toType(DataType.FLOAT32, false);
        return size == 1 ? narrow : narrow.mul(narrow.getManager().create((float) size));
    }

    /**
     * The same for several blocks, [blocks, l, m].
     *
     * @param sizes of each block's rows
     * @param dependent is set where rows depend on each other; what comes out of those is zero
     */
    private static NDArray orthonormal(NDArray rows, double[] sizes, boolean[] dependent) {
        NDArray wide = rows.toType(DataType.FLOAT64, false);
        int count = Math.toIntExact(wide.getShape().get(1));
        int square = count * count;
        double[] grams = wide.matMul(wide.transpose(0, 2, 1)).toDoubleArray();
        double[] inverseRoots = new double[grams.length];
        for (int i = 0; i < sizes.length; i++) {
            double[] gram = Arrays.copyOfRange(grams, i * square, (i + 1) * square);
            double[] inverseRoot = CholeskyInverse.of(gram, count, DEPENDENT);
            if (inverseRoot == null) {
                dependent[i] = true;
                continue;
            }
            for (int j = 0; j < square; j++) {
                inverseRoots[i * square + j] = sizes[i] * inverseRoot[j];
            }
        }
        return wide.getManager()
                .create(inverseRoots, new Shape(sizes.length, count, count))
                .matMul(wide)
                .toType(DataType.FLOAT32, false);
    }

    /** The same of rows that depend on each other: eigenvectors in place of Cholesky, so that some drop out, twice. */
    private static NDArray dependent(NDArray rows, double[] gram) {
        NDArray basis = rows;
        for (int round = 0; round < 2; round++) {
            int count = Math.toIntExact(basis.getShape().get(0));
            GramEigen eigen = new GramEigen(round == 0 ? gram : gram(basis), count);
            int kept = eigen.above(ROUNDING);
            if (kept == 0) {
                return null;
            }
            basis = basis.getManager()
                    .create(eigen.scaled(ROUNDING, -0.5), new Shape(kept, count))
                    .matMul(basis);
        }
        return basis;
    }

    private static double[] gram(NDArray rows) {
        return rows.matMul(rows.transpose()).toDoubleArray();
    }
}
