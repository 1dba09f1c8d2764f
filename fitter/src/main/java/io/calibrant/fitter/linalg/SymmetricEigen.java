package io.calibrant.fitter.linalg;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/**
 * Eigenvalues and eigenvectors of a real symmetric matrix, all (by Householder tridiagonalisation and implicit QL or
 * QR, see {@link SmallEigen}; above 64 dimensions EJML) or the largest of them.
 *
 * @param values k eigenvalues, descending
 * @param vectors [k, n], row i is the unit eigenvector of value i; not copied, treat as read-only
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record SymmetricEigen(double[] values, double[] vectors) {

    /**
     * Decomposes a matrix.
     *
     * @param matrix [n, n] symmetric, finite; not modified
     * @throws IllegalArgumentException if the array is not n x n
     * @throws ArithmeticException if the iteration does not converge (not seen for finite input)
     */
    public static SymmetricEigen of(double[] matrix, int n) {
        double most = most(matrix, n);
        if (n <= SmallEigen.MOST && most > 0 && most < Double.POSITIVE_INFINITY) {
            SmallEigen eigen = new SmallEigen(matrix, n, Math.scalb(1.0, Math.getExponent(most)));
            return sorted(eigen.values(), eigen.vectors());
        }
        EigenDecomposition_F64<DMatrixRMaj> eigen = decompose(matrix, n, true);
        double[] values = new double[n];
        double[] vectors = new double[n * n];
        for (int i = 0; i < n; i++) {
            values[i] = eigen.getEigenvalue(i).getReal();
            System.arraycopy(eigen.getEigenVector(i).getData(), 0, vectors, i * n, n);
        }
        return sorted(values, vectors);
    }

    /** The eigenvalues alone, descending: of a large matrix about a fifth of the work; see {@link #of}. */
    public static double[] values(double[] matrix, int n) {
        if (n <= SmallEigen.MOST) {
            return of(matrix, n).values();
        }
        most(matrix, n);
        EigenDecomposition_F64<DMatrixRMaj> eigen = decompose(matrix, n, false);
        return IntStream.range(0, n)
                .mapToDouble(i -> -eigen.getEigenvalue(i).getReal())
                .sorted()
                .map(value -> -value)
                .toArray();
    }

    /** The largest absolute entry, NaN where one is; checks the size. */
    private static double most(double[] matrix, int n) {
        if (matrix.length != n * n) {
            throw new IllegalArgumentException(
                    "a symmetric " + n + " x " + n + " matrix has " + n * n + " entries, found " + matrix.length);
        }
        double most = 0;
        for (double entry : matrix) {
            most = Math.max(most, Math.abs(entry));
        }
        return most;
    }

    private static SymmetricEigen sorted(double[] values, double[] vectors) {
        int n = values.length;
        int[] order = IntStream.range(0, n)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -values[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        double[] descending = new double[n];
        double[] rows = new double[n * n];
        for (int i = 0; i < n; i++) {
            descending[i] = values[order[i]];
            System.arraycopy(vectors, order[i] * n, rows, i * n, n);
        }
        return new SymmetricEigen(descending, rows);
    }

    /**
     * The eigenvalues of a sum of outer products: what rounding left below zero becomes zero.
     *
     * @param values descending
     * @param tolerance how far below zero, as a share of the largest absolute value, rounding may reach
     * @throws ArithmeticException if a value lies further below: such a matrix is wrong, and adding jitter would hide
     *     it
     */
    static double[] nonNegative(double[] values, double tolerance) {
        if (values.length == 0) {
            return values;
        }
        double least = values[values.length - 1];
        if (least < -tolerance * Math.max(Math.abs(values[0]), -least * 0.5)) {
            throw new ArithmeticException(
                    "not a sum of outer products: eigenvalues reach from " + least + " to " + values[0]);
        }
        return Arrays.stream(values).map(w -> Math.max(w, 0)).toArray();
    }

    private static EigenDecomposition_F64<DMatrixRMaj> decompose(double[] matrix, int n, boolean vectors) {
        EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(n, vectors, true);
        if (!eigen.decompose(new DMatrixRMaj(n, n, true, matrix.clone()))) {
            throw new ArithmeticException("the eigenvalues of a " + n + " x " + n + " matrix did not converge");
        }
        return eigen;
    }
}
