package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.SplittableRandom;

/**
 * Reduces many rows R [m, d] to at most l = 2k rows whose R^T R is nearly the best of that rank, where the rows are
 * (method.md section 3): randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4) with two power
 * steps. Only l x l matrices and the result come to the host.
 */
final class RowReduction {
    private static final int POWER_STEPS = 2;
    /** Gram eigenvalues below this share of the largest are float32 rounding, not directions. */
    private static final double ROUNDING = 1e-12;

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
     * @param seed decides what is drawn: the same rows and seed give the same bytes
     */
    static Rows reduce(NDArray rows, Integer rank, long seed) {
        int m = Math.toIntExact(rows.getShape().get(0));
        int d = Math.toIntExact(rows.getShape().get(1));
        if (m == 0) {
            return new Rows(new float[0], 0, d, 0);
        }
        if (rank == null || m <= 2 * rank) {
            float[] values = rows.toFloatArray();
            return new Rows(values, m, d, squares(values));
        }
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            return d <= 2 * rank ? root(rows, d) : leading(rows, d, 2 * rank, seed);
        }
    }

    private static double squares(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return sum;
    }

    private static Rows root(NDArray rows, int d) {
        double[] gram = gram(rows.toType(DataType.FLOAT64, false));
        double trace = 0;
        for (int i = 0; i < d; i++) {
            trace += gram[i * d + i];
        }
        double[] root = new SymmetricEigen(gram, d).scaled(0, 0.5);
        float[] values = new float[root.length];
        for (int i = 0; i < root.length; i++) {
            values[i] = (float) root[i];
        }
        return new Rows(values, values.length / d, d, trace);
    }

    private static Rows leading(NDArray rows, int d, int columns, long seed) {
        double trace = 0;
        for (float norm : rows.mul(rows).sum(new int[] {1}).toFloatArray()) {
            trace += norm;
        }
        NDArray transposed = rows.transpose();
        // Between the steps the columns need only stay apart; the last basis is orthonormal to rounding.
        NDArray basis = rows.matMul(signs(rows.getManager(), d, columns, seed));
        for (int step = 0; step < POWER_STEPS && basis != null; step++) {
            NDArray right = orthonormal(basis, 1);
            right = right == null ? null : orthonormal(transposed.matMul(right), 1);
            basis = right == null ? null : rows.matMul(right);
        }
        basis = basis == null ? null : orthonormal(basis, 2);
        if (basis == null) {
            return new Rows(new float[0], 0, d, trace);
        }
        float[] values = basis.transpose().matMul(rows).toFloatArray();
        return new Rows(values, values.length / d, d, trace);
    }

    /** Omega [d, l]: random signs, as good as normal numbers here and 64 of them in one draw. */
    private static NDArray signs(NDManager manager, int d, int columns, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[d * columns];
        long bits = 0;
        for (int i = 0; i < values.length; i++) {
            bits = i % 64 == 0 ? random.nextLong() : bits >>> 1;
            values[i] = (bits & 1) == 0 ? -1 : 1;
        }
        return manager.create(values, new Shape(d, columns));
    }

    /**
     * An orthonormal basis of a tall matrix's columns: its Gram matrix's root is inverted on the host, twice, as
     * Cholesky-QR needs it (Yamamoto et al. 2015), with eigenvectors in place of Cholesky so that dependent columns drop
     * out.
     *
     * @param rounds 2 for a basis that is orthonormal to rounding, whatever the columns; 1 where nearly is enough
     * @return float32 [m, at most l]; null if all columns are zero
     */
    private static NDArray orthonormal(NDArray columns, int rounds) {
        NDArray basis = columns.toType(DataType.FLOAT64, false);
        for (int round = 0; round < rounds; round++) {
            int width = Math.toIntExact(basis.getShape().get(1));
            SymmetricEigen eigen = new SymmetricEigen(gram(basis), width);
            int kept = eigen.above(ROUNDING);
            if (kept == 0) {
                return null;
            }
            NDArray inverseRoot = basis.getManager().create(eigen.scaled(ROUNDING, -0.5), new Shape(kept, width));
            basis = basis.matMul(inverseRoot.transpose());
        }
        return basis.toType(DataType.FLOAT32, false);
    }

    private static double[] gram(NDArray columns) {
        return columns.transpose().matMul(columns).toDoubleArray();
    }
}
