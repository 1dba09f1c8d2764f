package io.calibrant.fitter.linalg;

import java.util.Arrays;
import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/** Slow and plain: the twins of the fast paths. */
public final class Naive {
    private Naive() {}

    public static double[] random(long seed, int count) {
        Random random = new Random(seed);
        return random.doubles(count, -1, 1).toArray();
    }

    /** R^T R, three loops. */
    public static double[] outer(double[] rows, int m, int d) {
        double[] sum = new double[d * d];
        for (int t = 0; t < m; t++) {
            for (int i = 0; i < d; i++) {
                for (int j = 0; j < d; j++) {
                    sum[i * d + j] += rows[t * d + i] * rows[t * d + j];
                }
            }
        }
        return sum;
    }

    public static double[] plus(double[] a, double[] b) {
        double[] sum = a.clone();
        for (int i = 0; i < sum.length; i++) {
            sum[i] += b[i];
        }
        return sum;
    }

    public static double[] times(double factor, double[] a) {
        return Arrays.stream(a).map(x -> factor * x).toArray();
    }

    public static double[] concat(double[] a, double[] b) {
        double[] all = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, all, a.length, b.length);
        return all;
    }

    public static double squaredNorm(double[] a) {
        return Arrays.stream(a).map(x -> x * x).sum();
    }

    public static double distance(double[] a, double[] b) {
        return Math.sqrt(squaredNorm(plus(a, times(-1, b))));
    }

    /** Relative Frobenius distance. */
    public static double relative(double[] found, double[] expected) {
        return distance(found, expected) / Math.sqrt(squaredNorm(expected));
    }

    /** The paper's step: L <- U_k Sigma_k of the SVD of [L R^T]; the columns as rows, the shorter ones cut off. */
    public static double[] truncatedSvd(double[] stacked, int p, int d, int k) {
        SingularValueDecomposition_F64<DMatrixRMaj> svd = DecompositionFactory_DDRM.svd(p, d, false, true, true);
        svd.decompose(new DMatrixRMaj(p, d, true, stacked.clone()));
        double[] singular = svd.getSingularValues();
        Integer[] order = new Integer[svd.numberOfSingularValues()];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Double.compare(singular[b], singular[a]));
        DMatrixRMaj vt = svd.getV(null, true);
        double[] columns = new double[Math.min(k, order.length) * d];
        for (int i = 0; i < columns.length; i++) {
            columns[i] = singular[order[i / d]] * vt.get(order[i / d], i % d);
        }
        return columns;
    }
}
