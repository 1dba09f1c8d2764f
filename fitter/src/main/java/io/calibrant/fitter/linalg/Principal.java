package io.calibrant.fitter.linalg;

import java.util.Arrays;

/**
 * The principal directions of some rows M^T [p, d]: M M^T = U diag(w) U^T, through whichever of M^T M [p, p] and M M^T
 * [d, d] is smaller.
 */
final class Principal {
    /** Eigenvalues below this share of the largest one are rounding: their directions mean nothing and are dropped. */
    private static final double NOTHING = 1e-13;

    private final Panels panels; // null where M M^T was smaller
    private final int d;
    private final SymmetricEigen eigen;

    private Principal(Panels panels, int d, SymmetricEigen eigen) {
        this.panels = panels;
        this.d = d;
        this.eigen = eigen;
    }

    /**
     * Of columns with rows below them.
     *
     * @param columns [k, d], times the root of gamma
     * @param rows [m, d]
     * @throws ArithmeticException if a number is not finite, or too large to be squared
     */
    static Principal of(Rows columns, Rows rows, int d, double forgetting) {
        double root = Math.sqrt(forgetting);
        int p = (columns.length() + rows.length()) / d;
        if (p <= d) {
            Panels panels = Panels.of(columns, root, rows, d);
            return new Principal(panels, d, SymmetricEigen.of(finite(panels.gram(), p), p));
        }
        double[] stacked = new double[columns.length() + rows.length()];
        columns.copy(0, columns.length(), stacked, 0);
        Kernels.scale(stacked, 0, columns.length(), root);
        rows.copy(0, rows.length(), stacked, columns.length());
        double[] sum = new double[d * d];
        Kernels.addOuter(sum, stacked, p, d);
        return new Principal(null, d, SymmetricEigen.of(finite(sum, d), d));
    }

    /** A sum of squares is on the diagonal: it is finite where all that went into it is. */
    static double[] finite(double[] square, int n) {
        for (int i = 0; i < n; i++) {
            if (!Double.isFinite(square[i * n + i])) {
                throw new ArithmeticException("the squares of the rows add up to " + square[i * n + i]);
            }
        }
        return square;
    }

    /** w, descending; the last ones may be rounding. */
    double[] values() {
        return eigen.values();
    }

    /** How many of the first {@code most} eigenvalues, each less {@code cut}, are more than rounding. */
    int count(int most, double cut) {
        double[] w = eigen.values();
        int count = 0;
        while (count < Math.min(most, w.length) && w[count] - cut > 0 && w[count] - cut > NOTHING * w[0]) {
            count++;
        }
        return count;
    }

    /** The first k, [k, d]: row i is sqrt(w_i) u_i. */
    double[] columns(int k) {
        if (panels != null) {
            return panels.combine(eigen.vectors(), k); // L <- M V_k
        }
        double[] columns = Arrays.copyOf(eigen.vectors(), k * d);
        for (int i = 0; i < columns.length; i++) {
            columns[i] *= Math.sqrt(eigen.values()[i / d]);
        }
        return columns;
    }

    /**
     * The same in float32.
     *
     * @param squares [k], takes their squared lengths before they are rounded
     */
    Rows columns(int k, double[] squares) {
        if (panels != null) {
            return panels.combine(eigen.vectors(), k, squares);
        }
        double[] wide = columns(k);
        System.arraycopy(squaredLengths(wide, d), 0, squares, 0, k);
        return Rows.narrowed(wide);
    }

    /** The eigenvalues that orthogonal columns [k, d] carry: their squared lengths. */
    static double[] squaredLengths(double[] columns, int d) {
        double[] values = new double[columns.length / d];
        for (int i = 0; i < values.length; i++) {
            values[i] = Kernels.square(columns, i * d, d);
        }
        return values;
    }

    /** Eigenvalues and unit eigenvectors of orthogonal columns [k, d]. */
    static SymmetricEigen pairs(double[] columns, int d) {
        double[] values = squaredLengths(columns, d);
        double[] unit = columns.clone();
        for (int i = 0; i < unit.length; i++) {
            unit[i] /= Math.sqrt(values[i / d]);
        }
        return new SymmetricEigen(values, unit);
    }
}
