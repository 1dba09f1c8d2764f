package io.calibrant.trainer.curvature;

import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/** Eigenvalues and eigenvectors of a small symmetric matrix on the host, in double precision. */
final class GramEigen {
    private final int size;
    private final double[] values;
    private final double[][] vectors;

    /**
     * Decomposes a symmetric matrix.
     *
     * @param matrix row-major [n, n]; not modified
     * @throws IllegalArgumentException if it holds NaN or infinity
     */
    GramEigen(double[] matrix, int size) {
        this.size = size;
        for (double value : matrix) {
            if (!Double.isFinite(value)) {
                throw new IllegalArgumentException("eigenvalues of a matrix with a value of " + value);
            }
        }
        EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(size, true, true);
        if (!eigen.decompose(DMatrixRMaj.wrap(size, size, matrix.clone()))) {
            throw new IllegalStateException("no eigenvalues found for a symmetric matrix of size " + size);
        }
        values = new double[size];
        vectors = new double[size][];
        for (int i = 0; i < size; i++) {
            values[i] = eigen.getEigenvalue(i).getReal();
            vectors[i] = eigen.getEigenVector(i).getData();
        }
    }

    /** How many eigenvalues are above a share of the largest one; 0 if none is positive. */
    int above(double share) {
        double floor = share * largest();
        int count = 0;
        for (double value : values) {
            if (value > floor && value > 0) {
                count++;
            }
        }
        return count;
    }

    private double largest() {
        double largest = 0;
        for (double value : values) {
            largest = Math.max(largest, value);
        }
        return largest;
    }

    /**
     * The eigenvectors with eigenvalues above a share of the largest, each times its eigenvalue to a power.
     *
     * @return rows, row-major: [above(share), n]
     */
    double[] scaled(double share, double power) {
        double floor = share * largest();
        double[] rows = new double[above(share) * size];
        int row = 0;
        for (int i = 0; i < size; i++) {
            if (values[i] > floor && values[i] > 0) {
                double scale = Math.pow(values[i], power);
                for (int j = 0; j < size; j++) {
                    rows[row * size + j] = scale * vectors[i][j];
                }
                row++;
            }
        }
        return rows;
    }
}
