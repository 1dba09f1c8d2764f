package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
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
        NDArray basis = signs(rows.getManager(), d, columns, (float) unit, seed).matMul(transposed);
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

    /** Omega^T [l, d]: numbers of one size and random signs, as good as normal ones here and 64 of them in one draw. */
    private static NDArray signs(NDManager manager, int d, int columns, float size, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int one = Float.floatToRawIntBits(size);
        float[] values = new float[columns * d];
        long bits = 0;
        int left = 0;
        for (int i = 0; i < d; i++) {
            for (int j = 0; j < columns; j++) {
                if (left == 0) {
                    bits = random.nextLong();
                    left = 64;
                }
                values[j * d + i] = Float.intBitsToFloat(one | ((int) bits << 31));
                bits >>>= 1;
                left--;
            }
        }
        return manager.create(values, new Shape(columns, d));
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
